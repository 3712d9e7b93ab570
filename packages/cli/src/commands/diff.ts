import { type Command, Option } from 'commander';
import { OPERATOR } from '@object-transfer/core/config/modules';
import { requireErrorDir } from '@object-transfer/operator/dir-key';
import { DIFFERENCE_FORMATS, type DifferenceFormatName } from '@object-transfer/operator/difference-formats';
import { type ExportedDifferences, exportDifferences } from '@object-transfer/operator/export-differences';
import type { CommandContext } from '../command-context.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { isReaderGone, writeToFile, writeToStream } from '../output/diff-sinks.ts';
import { formatCountOf } from '../output/format-quantity.ts';
import { openOperatorState } from '../wiring/operator-state.ts';

export function addDiffCommand(program: Command, context: CommandContext): void {
  const diff = program
    .command('diff')
    .description(
      'writes every object that is not proven equal: what comparisons found missing, different, unproven or extra, and what ' +
        'could not be transferred; changes nothing',
    )
    .option('--dir <key>', "of this subfolder only: its dir_key, '' for the root itself; may be repeated", collect)
    .addOption(
      new Option(
        '--format <format>',
        'csv is RFC 4180; manifest has the keys that are to be transferred, for `publisher objects --manifest` (default: text)',
      ).choices(Object.keys(DIFFERENCE_FORMATS)),
    )
    .option('--output <file>', 'write to this file, which is replaced when all is written')
    .option('--json', 'the same as --format jsonl; with --output, print the counts as JSON');
  addFieldOptions(diff, OPERATOR).action((options: ParsedOptions) => writeDifferences(options, context));
}

async function writeDifferences(options: ParsedOptions, context: CommandContext): Promise<void> {
  const { output } = options;
  await using cleanup = new AsyncDisposableStack();
  const { stateStore: store } = await openOperatorState('diff', options, context, cleanup);
  const { dir } = options as { readonly dir?: readonly string[] };
  const dirKeys = dir && [...new Set(await Promise.all(dir.map((given) => requireErrorDir(store, given))))];
  const { format: name = options['json'] === true && output === undefined ? 'jsonl' : 'text' } = options;
  const format = DIFFERENCE_FORMATS[name as DifferenceFormatName];
  const exportTo = (write: (text: string) => Promise<void>): Promise<ExportedDifferences> =>
    exportDifferences({ store, dirKeys, format, write, signal: context.stop });
  if (typeof output === 'string') {
    const counts = await writeToFile(output, exportTo);
    context.stdout.write(
      options['json'] === true ? `${JSON.stringify({ ...counts, file: output })}\n` : summarize(counts, output),
    );
    return;
  }
  try {
    const { written } = await writeToStream(context.stdout, exportTo);
    if (written === 0 && name === 'text') {
      context.stderr.write('no differences are known; `status` says how many subfolders have been compared\n');
    }
  } catch (error) {
    // `diff | head` has seen enough.
    if (!isReaderGone(error)) throw error;
  }
}

function summarize({ written, leftOut }: ExportedDifferences, file: string): string {
  const left =
    leftOut === 0
      ? ''
      : `; ${formatCountOf(leftOut, 'object')} left out: ${leftOut === 1 ? 'it is' : 'they are'} at the destination only`;
  return `${formatCountOf(written, 'object')} written to ${file}${left}\n`;
}

function collect(given: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), given];
}
