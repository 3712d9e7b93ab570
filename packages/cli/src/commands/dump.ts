import type { Command } from 'commander';
import { DUMP, DUMP_FROM_FILE } from '@object-transfer/core/config/modules';
import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { findSubfolders } from '@object-transfer/dump/find-subfolders';
import { loadSubfolders } from '@object-transfer/dump/run-dump';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatCount, formatCountOf } from '../output/format-quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { customQueries, DUMP_QUERIES } from '../wiring/custom-queries.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openStateOnly } from '../wiring/open-backends.ts';
import { runRegistered } from '../wiring/registered.ts';
import { openServices, type Services } from '../wiring/services.ts';
import { openSourceBucket } from '../wiring/source-bucket.ts';

export function addDumpCommand(program: Command, context: CommandContext): void {
  const dump = program
    .command('dump')
    .alias('dumpToMySQL')
    .description('lists the subfolders of the root into the state; those that are known already are left alone')
    .option(
      '--dump-file <file>',
      'take the subfolders from this file (output of aws s3 ls, a list, or a JSON array) instead of S3',
    )
    .option('--dry-run', 'say how many would be new; change nothing')
    .option('--json', 'print the counts as JSON');
  addFieldOptions(dump, DUMP).action((options: ParsedOptions) => dumpSubfolders(options, context));
}

async function dumpSubfolders(options: ParsedOptions, context: CommandContext): Promise<void> {
  const { dumpFile } = options;
  const module = typeof dumpFile === 'string' ? DUMP_FROM_FILE : DUMP;
  const { settings, logger } = await loadCommandSettings(module, options, context);
  const dryRun = options['dryRun'] === true;
  await using cleanup = new AsyncDisposableStack();
  const opening = { logger, signal: context.stop, cleanup };
  const services = await openServices(settings, context.environment, opening);
  const dirKeys = await findSubfolders({
    from: typeof dumpFile === 'string' ? { dumpFile } : { lister: listerOf(settings, services, cleanup) },
    s3Bucket: settings.s3Bucket,
    s3RootPrefix: settings.s3RootPrefix,
    signal: context.stop,
  });
  // A file or a bucket that cannot be read leaves no state behind.
  const identity = createProcessIdentity();
  const overrides = customQueries(DUMP_QUERIES, settings);
  const store = await openStateOnly({ ...settings, overrides }, { ...opening, services, identity, dryRun });
  const result = await runRegistered(
    {
      stateStore: store,
      job: 'dump',
      isShared: false,
      identity,
      logger,
      dryRun,
      counters: () => ({}),
      work: () => loadSubfolders(store, dirKeys, dryRun),
      summarize: ({ listed, new: added }) => ({ succeeded: true, exitMessage: `${listed} listed, ${added} new` }),
    },
    context,
  );
  const newRows = dryRun ? 'would be new' : 'new';
  context.stdout.write(
    options['json'] === true
      ? `${JSON.stringify(result)}\n`
      : `${formatCountOf(result.listed, 'subfolder')}, the root included: ${formatCount(result.new)} ${newRows}, ${formatCount(result.known)} known\n`,
  );
}

function listerOf(
  { s3Bucket, awsRegion }: { readonly s3Bucket: string | undefined; readonly awsRegion: string | undefined },
  { environment }: Services,
  cleanup: AsyncDisposableStack,
): ObjectLister {
  if (s3Bucket === undefined) throw new TypeError('without a dump file the bucket is demanded');
  const source = openSourceBucket({ s3Bucket, awsRegion }, environment);
  cleanup.defer(() => source.close());
  return source.lister;
}
