import { rm } from 'node:fs/promises';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { MigrationProgress } from '@object-transfer/run/migration-progress';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import type { CommandContext } from '../command-context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createProgressReporter } from './progress-reporter.ts';
import { summarizeReport } from './report-summary.ts';
import { writeReportFile } from './write-report-file.ts';

export interface ReportOutput {
  /** A file for the report as JSON. */
  readonly report: string | undefined;
  /** JSON on stdout instead of a summary. */
  readonly json: boolean;
}

/**
 * Shows the progress of a migration and its report.
 * @returns the exit code: 0 only when everything is verified
 */
export async function reportMigration(
  output: ReportOutput,
  logger: Logger,
  { stdout, stderr }: Pick<CommandContext, 'stdout' | 'stderr'>,
  migrate: (onProgress: (progress: MigrationProgress) => void) => Promise<MigrationReport>,
): Promise<number> {
  // A migration that is stopped writes none: the report of an earlier one must not pass for it.
  if (output.report !== undefined) await rm(output.report, { force: true });
  const progress = createProgressReporter(stderr, logger);
  try {
    const report = await migrate((now) => progress.show(now));
    progress.end();
    stdout.write(output.json ? `${JSON.stringify(report)}\n` : summarizeReport(report));
    if (output.report !== undefined) await writeReportFile(output.report, report);
    return report.verified ? EXIT_CODES.done : EXIT_CODES.failures;
  } finally {
    progress.end();
  }
}
