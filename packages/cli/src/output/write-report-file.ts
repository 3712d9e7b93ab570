import { existsSync, statSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigurationError, StateError } from '@object-transfer/core/domain/errors';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { isDiskFull, writeWholeFile } from './write-whole-file.ts';

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
export function writeReportFile(file: string, report: MigrationReport): Promise<void> {
  // It could be written when the work began.
  const refused = (error: Error): StateError =>
    new StateError(
      isDiskFull(error) ? 'STATE_STORAGE_FULL' : 'STATE_READ_ONLY',
      `the report ${file} could not be written: ${error.message}`,
      { op: 'writeReport', destination: file, cause: error },
    );
  return writeWholeFile(file, { opening: refused, writing: refused }, (write) =>
    write(`${JSON.stringify(report, null, 2)}\n`),
  );
}
