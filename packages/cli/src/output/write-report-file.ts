import { existsSync, statSync } from 'node:fs';
import { access, constants, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
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

/** Writes the report whole or not at all. */
export async function writeReportFile(file: string, report: MigrationReport): Promise<void> {
  const unfinished = `${file}.${process.pid}.tmp`;
  await writeFile(unfinished, `${JSON.stringify(report, null, 2)}\n`);
  await rename(unfinished, file);
}
