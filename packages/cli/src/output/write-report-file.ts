import { randomUUID } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { access, constants, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigurationError, StateError } from '@object-transfer/core/domain/errors';
import type { MigrationReport } from '@object-transfer/run/migration-report';

/** @throws ConfigurationError before any work begins where the report could not be written at its end */
export async function checkReportFile(file: string): Promise<void> {
  try {
    await access(dirname(file), constants.W_OK);
  } catch (error) {
    throw new ConfigurationError('CONFIG_INVALID', `--report: cannot write to the folder of ${JSON.stringify(file)}`, {
      cause: error,
    });
  }
  if (existsSync(file) && statSync(file).isDirectory()) {
    throw new ConfigurationError('CONFIG_INVALID', `--report: ${JSON.stringify(file)} is a folder, not a file`);
  }
}

/**
 * Writes the report whole or not at all.
 * @throws StateError `STATE_STORAGE_FULL` or `STATE_READ_ONLY` where it cannot be written
 */
export async function writeReportFile(file: string, report: MigrationReport): Promise<void> {
  // In a folder that others write to as well, a name that can be guessed may be a link to somewhere else.
  const unfinished = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(unfinished, `${JSON.stringify(report, null, 2)}\n`, { flag: 'wx' });
    await rename(unfinished, file);
  } catch (error) {
    await rm(unfinished, { force: true });
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new StateError(
      code === 'ENOSPC' || code === 'EDQUOT' ? 'STATE_STORAGE_FULL' : 'STATE_READ_ONLY',
      `the report ${file} could not be written: ${message}`,
      { op: 'writeReport', destination: file, cause: error },
    );
  }
}
