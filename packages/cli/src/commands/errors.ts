import { type Command, InvalidArgumentError } from 'commander';
import { OPERATOR } from '@object-transfer/core/config/modules';
import type { OpenObjectError } from '@object-transfer/core/ports/state-store';
import { requireErrorDir } from '@object-transfer/operator/dir-key';
import { type ErrorSelection, openErrorPages } from '@object-transfer/operator/open-error-pages';
import { retryErrors } from '@object-transfer/operator/retry-errors';
import type { CommandContext } from '../command-context.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { nameModes } from '../options/name-modes.ts';
import { errorsText, retryText, totalOf } from '../output/errors-text.ts';
import { openObjectTopic } from '../wiring/operator-queue.ts';
import { openOperatorState, type OperatorState } from '../wiring/operator-state.ts';

const DEFAULT_LIMIT = 50;

export function addErrorsCommand(program: Command, context: CommandContext): void {
  const errors = program.command('errors').description('objects that could not be transferred or were found unequal');
  nameModes(errors);
  const list = errors
    .command('list')
    .description('counts the open errors by code and shows the first of them; changes nothing')
    .option('--limit <n>', `errors that are shown (default: ${DEFAULT_LIMIT})`, parseLimit);
  list.option('--json', 'print counts and errors as JSON');
  addSelection(list).action((options: ParsedOptions) => listErrors(options, context));
  const retry = errors
    .command('retry')
    .description(
      'publishes the keys of the open errors to the topic of the objects once more; an error stays open until its object ' +
        'is transferred or found equal. In a fleet, pubsub_topic_id is that of `publisher objects`',
    )
    .option('--dry-run', 'say how many keys would be published; publish nothing');
  retry.option('--json', 'print the counts as JSON');
  addSelection(retry).action((options: ParsedOptions) => retryOpenErrors(options, context));
}

function addSelection(command: Command): Command {
  command
    .option('--code <code>', 'errors of this code only')
    .option('--dir <key>', "errors of this subfolder only: its dir_key, '' for the root itself");
  return addFieldOptions(command, OPERATOR);
}

async function selectionOf(options: ParsedOptions, { stateStore }: OperatorState): Promise<ErrorSelection> {
  const { code, dir } = options;
  return {
    code: typeof code === 'string' ? code : undefined,
    dirKey: typeof dir === 'string' ? await requireErrorDir(stateStore, dir) : undefined,
  };
}

async function listErrors(options: ParsedOptions, context: CommandContext): Promise<void> {
  await using cleanup = new AsyncDisposableStack();
  const operator = await openOperatorState('errors list', options, context, cleanup);
  const { stateStore } = operator;
  const selection = await selectionOf(options, operator);
  const all = await stateStore.countOpenObjectErrors(selection.dirKey);
  const counts = selection.code === undefined ? all : all.filter(({ code }) => code === selection.code);
  const limit = typeof options['limit'] === 'number' ? options['limit'] : DEFAULT_LIMIT;
  const shown: OpenObjectError[] = [];
  if (limit > 0) {
    for await (const page of openErrorPages(stateStore, selection)) {
      shown.push(...page.slice(0, limit - shown.length));
      if (shown.length === limit) break;
    }
  }
  context.stdout.write(
    options['json'] === true
      ? `${JSON.stringify({ total: totalOf(counts), byCode: counts, errors: shown })}\n`
      : errorsText(counts, shown),
  );
}

async function retryOpenErrors(options: ParsedOptions, context: CommandContext): Promise<void> {
  const dryRun = options['dryRun'] === true;
  await using cleanup = new AsyncDisposableStack();
  const operator = await openOperatorState('errors retry', options, context, cleanup);
  const selection = await selectionOf(options, operator);
  const objects = dryRun ? undefined : await openObjectTopic(operator, 'errors retry');
  const { stateStore: store } = operator;
  const retried = await retryErrors({ store, publish: objects?.publish, selection, signal: context.stop });
  context.stdout.write(
    options['json'] === true
      ? `${JSON.stringify({ ...retried, topic: objects?.topic, dryRun })}\n`
      : retryText(retried, objects?.topic),
  );
}

/** @throws InvalidArgumentError, which commander turns into a usage error that names the flag */
function parseLimit(value: string): number {
  const limit = Number(value);
  if (!Number.isSafeInteger(limit) || limit < 0) throw new InvalidArgumentError('It is a whole number from 0.');
  return limit;
}
