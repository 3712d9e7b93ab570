import { type Command, InvalidArgumentError } from 'commander';
import { OPERATOR } from '@object-transfer/core/config/modules';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { collectStatus, type TransferStatus } from '@object-transfer/operator/collect-status';
import type { CommandContext } from '../command-context.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { statusLines } from '../output/status-text.ts';
import { screenOf } from '../output/status-screen.ts';
import { openOperatorState } from '../wiring/operator-state.ts';

const DEFAULT_WATCH_SECONDS = 5;

export function addStatusCommand(program: Command, context: CommandContext): void {
  const status = program
    .command('status')
    .description(
      'shows how far the subfolders have come, what was transferred, the open errors and what runs; changes nothing',
    )
    .option(
      '--watch [seconds]',
      `show it again and again until interrupted, every ${DEFAULT_WATCH_SECONDS} seconds unless told otherwise`,
      parseSeconds,
    )
    .option('--json', 'print it as JSON; with --watch, one line each time');
  addFieldOptions(status, OPERATOR).action((options: ParsedOptions) => showStatus(options, context));
}

async function showStatus(options: ParsedOptions, context: CommandContext): Promise<void> {
  const { watch } = options;
  if (watch === undefined) return show(options, context, undefined);
  const seconds = typeof watch === 'number' ? watch : DEFAULT_WATCH_SECONDS;
  try {
    await show(options, context, seconds * 1000);
  } catch (error) {
    // To be interrupted is how watching ends.
    if (!context.stop.aborted || error !== context.stop.reason) throw error;
  }
}

/** @param everyMs again and again, until the signal; `undefined` shows it once */
async function show(options: ParsedOptions, context: CommandContext, everyMs: number | undefined): Promise<void> {
  const { stdout, stop } = context;
  await using cleanup = new AsyncDisposableStack();
  const { settings, stateStore, stateName } = await openOperatorState('status', options, context, cleanup);
  const asText = (status: TransferStatus): string => `${statusLines(status, stateName).join('\n')}\n`;
  const asJson = (status: TransferStatus): string => `${JSON.stringify({ state: stateName, ...status })}\n`;
  const isJson = options['json'] === true;
  const isScreen = everyMs !== undefined && stdout.isTTY && !isJson;
  for (let isFirst = true; ; isFirst = false) {
    const status = await collectStatus(stateStore, settings.maxRsyncAttempts);
    if (isScreen) stdout.write(screenOf(statusLines(status, stateName), stdout, isFirst));
    else stdout.write(isJson ? asJson(status) : `${isFirst ? '' : '\n'}${asText(status)}`);
    if (everyMs === undefined) return;
    await sleep(everyMs, stop);
  }
}

/** @throws InvalidArgumentError, which commander turns into a usage error that names the flag */
function parseSeconds(value: string): number {
  const seconds = Number(value);
  if (!(seconds >= 0.1 && seconds <= 86_400))
    throw new InvalidArgumentError('It is a number of seconds, from 0.1 to 86400.');
  return seconds;
}
