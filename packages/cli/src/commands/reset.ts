import { Argument, type Command } from 'commander';
import { OPERATOR } from '@object-transfer/core/config/modules';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { SubfolderReset } from '@object-transfer/core/ports/state-store';
import { requireDirKeys } from '@object-transfer/operator/dir-key';
import { refuseWhileLive } from '@object-transfer/operator/refuse-while-live';
import { countSelected, resetSelected } from '@object-transfer/operator/reset-subfolders';
import type { SubfolderSelection } from '@object-transfer/operator/select-subfolders';
import type { CommandContext } from '../command-context.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { formatCountOf } from '../output/format-quantity.ts';
import { confirm } from '../wiring/operator-confirm.ts';
import { openPurge, type PurgeableSubscription } from '../wiring/operator-queue.ts';
import { openOperatorState, type OperatorState } from '../wiring/operator-state.ts';

/** What is reset, as the command line and people name it. */
const RESETS = {
  'sync-check': { kind: 'syncCheck', name: 'the sync check' },
  rsync: { kind: 'rsync', name: 'the rsync' },
  'cdn-transfer': { kind: 'objects', name: 'the CDN transfer' },
} as const satisfies Readonly<Record<string, { readonly kind: SubfolderReset; readonly name: string }>>;
type ResetName = keyof typeof RESETS;

export function addResetCommand(program: Command, context: CommandContext): void {
  const reset = program
    .command('reset')
    .description(
      'frees subfolders of what was begun and not done: publishes them again to be compared (sync-check), repaired (rsync), ' +
        'or listed and transferred (cdn-transfer). What was compared rests: `publisher sync-check --recheck` compares it again. ' +
        'Stop the workers and publishers of that kind first',
    )
    .addArgument(new Argument('<what>', 'what is to be done again').choices(Object.keys(RESETS)))
    .option('--dir <key>', "this subfolder: its dir_key, '' for the root itself; may be repeated", collect)
    .option(
      '--glob <pattern>',
      'subfolders that match: * stays inside a path segment, ** crosses them; may be repeated',
      collect,
    )
    .option('--all', 'every subfolder')
    .option('--purge', "empty the worker's subscription before (pubsub_subscription_id); needs --all, or --force")
    .option('--force', 'also while workers or publishers of that kind are alive: what they hold is lost to them')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'say how many subfolders would be reset; change nothing')
    .option('--json', 'print what was done as JSON');
  addFieldOptions(reset, OPERATOR).action(async (what: ResetName, options: ParsedOptions) => {
    process.exitCode = await resetSubfolders(what, options, context);
  });
}

/** What `--json` prints. */
interface ResetReport {
  readonly reset: ResetName;
  readonly subfolders: number;
  readonly dryRun: boolean;
  readonly purged: { readonly subscription: string; readonly messages: number | undefined } | undefined;
}

/** @returns the exit code: 1 where the operator has said no */
async function resetSubfolders(what: ResetName, options: ParsedOptions, context: CommandContext): Promise<number> {
  const { kind, name } = RESETS[what];
  checkFlags(options);
  const isForced = options['force'] === true;
  const dryRun = options['dryRun'] === true;
  await using cleanup = new AsyncDisposableStack();
  const operator = await openOperatorState('reset', options, context, cleanup);
  const { stateStore: store } = operator;
  const selection = await selectionOf(options, operator);
  const work = { store, reset: kind, selection, signal: context.stop };
  if (dryRun) {
    report({ reset: what, subfolders: await countSelected(work), dryRun, purged: undefined }, options, context);
    return EXIT_CODES.done;
  }
  if (options['purge'] === true && operator.deployment === 'fleet' && options['pubsubSubscriptionId'] === undefined) {
    throw usageError('--purge empties a whole subscription: name it by --pubsub-subscription-id');
  }
  const purge = options['purge'] === true ? await openPurge(operator, kind) : undefined;
  if (!isForced) await refuseWhileLive(store, [kind], `${name} cannot be reset`);
  if (!(await isConfirmed(what, options, context, () => countSelected(work), purge))) {
    context.stderr.write('nothing was changed\n');
    return EXIT_CODES.failures;
  }
  // In the order of the runbook: what is reset first could be published again, and that be purged.
  const messages = await purge?.purge();
  const subfolders = await resetSelected(work);
  const purged = purge && { subscription: purge.subscription, messages };
  report({ reset: what, subfolders, dryRun, purged }, options, context);
  return EXIT_CODES.done;
}

/** @throws ConfigurationError `CONFIG_INVALID` before anything is opened */
function checkFlags(options: ParsedOptions): void {
  const given = ['dir', 'glob', 'all'].filter((flag) => options[flag] !== undefined);
  if (given.length !== 1) {
    throw usageError('reset needs exactly one of --dir, --glob and --all');
  }
  const isAll = options['all'] === true;
  if (options['purge'] === true && !isAll && options['force'] !== true) {
    throw usageError(
      '--purge empties the whole subscription: what waits there for other subfolders would never be done. ' +
        'Reset --all, or add --force where nothing else waits',
    );
  }
  const isAsked = options['yes'] === true || options['dryRun'] === true || process.stdin.isTTY;
  if (isAll && !isAsked) throw usageError('--all needs --yes where no terminal is there to ask');
}

function usageError(message: string): ConfigurationError {
  return new ConfigurationError('CONFIG_INVALID', message, { op: 'reset' });
}

async function selectionOf(options: ParsedOptions, { stateStore }: OperatorState): Promise<SubfolderSelection> {
  const { dir, glob } = options as { readonly dir?: readonly string[]; readonly glob?: readonly string[] };
  if (dir !== undefined) return { dirKeys: await requireDirKeys(stateStore, dir) };
  return glob === undefined ? 'all' : { globs: glob };
}

async function isConfirmed(
  what: ResetName,
  options: ParsedOptions,
  { stderr, stop }: CommandContext,
  count: () => Promise<number>,
  purge: PurgeableSubscription | undefined,
): Promise<boolean> {
  if (options['yes'] === true || !process.stdin.isTTY) return true;
  const emptying = purge === undefined ? '' : `empty ${purge.subscription} and `;
  const question = `${emptying}reset ${RESETS[what].name} of ${formatCountOf(await count(), 'subfolder')}?`;
  return confirm(question, { input: process.stdin, output: stderr, signal: stop });
}

function report(done: ResetReport, options: ParsedOptions, { stdout }: CommandContext): void {
  if (options['json'] === true) {
    stdout.write(`${JSON.stringify(done)}\n`);
    return;
  }
  const { subfolders, dryRun, purged } = done;
  if (purged !== undefined) {
    const { subscription, messages } = purged;
    stdout.write(
      messages === undefined
        ? `${subscription} emptied; Pub/Sub may still deliver from it for about a minute\n`
        : `${subscription} emptied: ${formatCountOf(messages, 'message')} deleted\n`,
    );
  }
  const verb = dryRun ? 'would be' : 'was';
  stdout.write(`${RESETS[done.reset].name} of ${formatCountOf(subfolders, 'subfolder')} ${verb} reset\n`);
  if (done.reset === 'sync-check' && !dryRun) {
    stdout.write('what was compared before rests: `publisher sync-check --recheck` compares it again\n');
  }
}

function collect(given: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), given];
}
