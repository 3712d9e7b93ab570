import { type Command, InvalidArgumentError } from 'commander';
import { OPERATOR } from '@object-transfer/core/config/modules';
import {
  BANDWIDTH_FORM,
  MAX_WRITES_PER_SECOND,
  NO_LIMIT,
  parseBandwidth,
  parseWritesPerSecond,
} from '@object-transfer/core/config/rate-values';
import { AS_CONFIGURED, type LimitOverride } from '@object-transfer/core/runtime/fleet-limits';
import { changeLimits, readLimits, type LimitChanges } from '@object-transfer/operator/fleet-limits';
import type { CommandContext } from '../command-context.ts';
import { addFieldOptions, type ParsedOptions } from '../options/field-options.ts';
import { limitLines } from '../output/limits-text.ts';
import { openOperatorState } from '../wiring/operator-state.ts';

export function addLimitsCommand(program: Command, context: CommandContext): void {
  const limits = program
    .command('limits')
    .description(
      'shows the limits that all workers together are held to, or sets them while they run: within about 12 seconds they ' +
        'go by them. What is set wins over max_bandwidth and write_ramp of every worker until it is set to default',
    )
    .option(
      '--max-bandwidth <size>',
      'bytes per second, such as 500MiB; none, or default',
      parseLimit(parseBandwidth, BANDWIDTH_FORM),
    )
    .option(
      '--writes-per-second <n>',
      'objects written, composed, updated or deleted in GCS per second; none, or default',
      parseLimit(parseWritesPerSecond, `a whole number from 1 to ${MAX_WRITES_PER_SECOND}`),
    )
    .option('--json', 'print what holds as JSON');
  addFieldOptions(limits, OPERATOR).action((options: ParsedOptions) => showLimits(options, context));
}

async function showLimits(options: ParsedOptions, context: CommandContext): Promise<void> {
  const { maxBandwidth, writesPerSecond } = options as {
    readonly maxBandwidth?: LimitOverride;
    readonly writesPerSecond?: LimitOverride;
  };
  const changes: LimitChanges = { maxBytesPerSecond: maxBandwidth, maxWritesPerSecond: writesPerSecond };
  await using cleanup = new AsyncDisposableStack();
  const { stateStore, stateName } = await openOperatorState('limits', options, context, cleanup);
  await changeLimits(stateStore, changes);
  const status = await readLimits(stateStore);
  context.stdout.write(
    options['json'] === true
      ? `${JSON.stringify({ state: stateName, ...status })}\n`
      : `${limitLines(status, stateName).join('\n')}\n`,
  );
}

/** @throws InvalidArgumentError, which commander turns into a usage error that names the flag */
function parseLimit(parse: (text: string) => number | undefined, form: string): (text: string) => LimitOverride {
  return (text) => {
    if (text === NO_LIMIT || text === AS_CONFIGURED) return text;
    const limit = parse(text);
    if (limit === undefined) throw new InvalidArgumentError(`It is ${form}, ${NO_LIMIT} or ${AS_CONFIGURED}.`);
    return limit;
  };
}
