import type { Command } from 'commander';
import { fieldFlag } from '@object-transfer/core/config/field';
import { FIELDS, type FieldKey } from '@object-transfer/core/config/fields';
import { FlagSettings } from '@object-transfer/core/config/flag-settings';
import { RUN } from '@object-transfer/core/config/modules';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import { EXIT_CODES } from '../exit-codes.ts';
import { parseBucketUrl } from '../options/bucket-url.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { reportMigration } from '../output/report-migration.ts';
import { summarizePlan } from '../output/report-summary.ts';
import { checkReportFile } from '../output/write-report-file.ts';
import type { CommandContext } from '../command-context.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { migrate, plan } from '../wiring/migration.ts';
import { openServices } from '../wiring/services.ts';

export function addRunCommand(program: Command, context: CommandContext): void {
  const run = program
    .command('run')
    .description('migrates a bucket or a folder of it, from listing to proof, on this machine; run it again to resume')
    .option('--from <url>', 'what to migrate: s3://bucket/prefix/ (sets s3_bucket and s3_root_prefix)')
    .option('--to <url>', 'where to: gs://bucket/prefix/ (sets gcs_bucket and gcs_root_prefix)')
    .option('--cdn <url>', 'CloudFront in front of the source (sets cloudfront_url_host_pre)')
    .option('--report <file>', 'write the report as JSON to this file')
    .option('--json', 'print the report as JSON instead of a summary')
    .option('--dry-run', 'compare both sides and say what would be transferred; change nothing');
  addFieldOptions(run, RUN).action(async (options: ParsedOptions) => {
    process.exitCode = await runMigrationCommand(options, context);
  });
}

/** @returns the exit code: 0 only when everything is verified */
export async function runMigrationCommand(options: ParsedOptions, context: CommandContext): Promise<number> {
  const reportFile = typeof options['report'] === 'string' ? options['report'] : undefined;
  if (reportFile !== undefined) await checkReportFile(reportFile);
  const urls = new FlagSettings(urlSettings(options));
  const { settings, given, logger } = await loadCommandSettings(RUN, options, context, urls);
  await using cleanup = new AsyncDisposableStack();
  // On one machine: keys and secrets are in the environment.
  const local = { gcpProject: undefined, credentialsSecretId: undefined };
  const services = await openServices(local, context.environment, { logger, signal: context.stop, cleanup });
  if (options['dryRun'] === true) {
    if (reportFile !== undefined) logger.warn('a dry run writes no report');
    const planned = await plan(settings, services, logger, context.stop);
    context.stdout.write(options['json'] === true ? `${JSON.stringify(planned)}\n` : summarizePlan(planned));
    return EXIT_CODES.done;
  }

  const output = { report: reportFile, json: options['json'] === true };
  return await reportMigration(output, logger, context, (onProgress) =>
    migrate({ settings, given, services, logger, onProgress }, context.stop),
  );
}

/** `--from`, `--to` and `--cdn` as the fields that they stand for. */
function urlSettings(options: ParsedOptions): Readonly<Record<string, unknown>> {
  const { from, to, cdn } = options;
  refuseBoth(options, '--from', from, ['s3Bucket', 's3RootPrefix']);
  refuseBoth(options, '--to', to, ['gcsBucket', 'gcsRootPrefix']);
  refuseBoth(options, '--cdn', cdn, ['cloudfrontUrlHostPre']);
  const source = typeof from === 'string' ? parseBucketUrl('--from', 's3', from) : undefined;
  const destination = typeof to === 'string' ? parseBucketUrl('--to', 'gs', to) : undefined;
  return {
    ...(source && { s3_bucket: source.bucket, s3_root_prefix: source.prefix }),
    ...(destination && { gcs_bucket: destination.bucket, gcs_root_prefix: destination.prefix }),
    ...(typeof cdn === 'string' && { cloudfront_url_host_pre: cdn }),
  };
}

function refuseBoth(options: ParsedOptions, flag: string, given: unknown, others: readonly FieldKey[]): void {
  if (given === undefined) return;
  for (const other of others) {
    if (options[other] === undefined) continue;
    const otherFlag = fieldFlag(FIELDS[other].name);
    throw new ConfigurationError('CONFIG_INVALID', `${flag} and ${otherFlag} say the same thing: give one of them`);
  }
}
