import type { Command } from 'commander';
import { DUMP } from '@object-transfer/core/config/modules';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { findSubfolders } from '@object-transfer/dump/find-subfolders';
import { loadSubfolders } from '@object-transfer/dump/run-dump';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatCount } from '../output/format-quantity.ts';
import type { CommandContext } from '../command-context.ts';
import { loadCommandSettings } from '../wiring/load-command-settings.ts';
import { openState } from '../wiring/open-state.ts';
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
  const { settings } = await loadCommandSettings(DUMP, options, context);
  const dryRun = options['dryRun'] === true;
  await using cleanup = new AsyncDisposableStack();
  const source = openSourceBucket(settings, context.environment);
  cleanup.defer(() => source.close());
  const dirKeys = await findSubfolders({
    from: typeof dumpFile === 'string' ? { dumpFile } : { lister: source.lister },
    s3Bucket: settings.s3Bucket,
    s3RootPrefix: settings.s3RootPrefix,
    signal: context.stop,
  });
  // A file or a bucket that cannot be read leaves no state behind.
  const state = await openState(settings, createProcessIdentity(), dryRun, cleanup);
  const result = await loadSubfolders(state.stateStore, dirKeys, dryRun);
  const newRows = dryRun ? 'would be new' : 'new';
  context.stdout.write(
    options['json'] === true
      ? `${JSON.stringify(result)}\n`
      : `${formatCount(result.listed)} subfolders, the root included: ${formatCount(result.new)} ${newRows}, ${formatCount(result.known)} known\n`,
  );
}
