import { AS_CONFIGURED, type LimitOverride } from '@object-transfer/core/runtime/fleet-limits';
import type { FleetLimitStatus } from '@object-transfer/operator/fleet-limits';
import { formatBytes, formatCount, formatCountOf } from './format-quantity.ts';

const MINUTE_MS = 60_000;

/** What limits a fleet, for people: lines without line ends. */
export function limitLines(status: FleetLimitStatus, stateName: string): readonly string[] {
  const { at, liveWorkers, maxBytesPerSecond, maxWritesPerSecond, ramp } = status;
  return [
    `${stateName}  ${at.toISOString()}`,
    '',
    line('live workers', formatCount(liveWorkers)),
    line(
      'bandwidth',
      limitText(maxBytesPerSecond, liveWorkers, (bytes) => `${formatBytes(bytes)}/s`),
    ),
    line('writes', limitText(maxWritesPerSecond, liveWorkers, writesText)),
    line('write ramp', rampText(ramp, maxWritesPerSecond)),
  ];
}

function line(name: string, text: string): string {
  return `${name.padEnd(14)}${text}`;
}

function limitText(limit: LimitOverride, liveWorkers: number, format: (perSecond: number) => string): string {
  if (typeof limit !== 'number')
    return limit === AS_CONFIGURED ? 'as the workers are configured' : 'no limit, as set here';
  const each = liveWorkers > 1 ? `; ${format(limit / liveWorkers)} for each worker` : '';
  return `${format(limit)}, as set here${each}`;
}

function rampText(ramp: FleetLimitStatus['ramp'], maxWritesPerSecond: LimitOverride): string {
  if (ramp === undefined) return 'none is under way';
  const { startedAt, startPerSecond, doublingMs, writesPerSecond } = ramp;
  const now = typeof writesPerSecond === 'number' ? writesText(writesPerSecond) : 'no limit any more';
  const doubling = formatCountOf(doublingMs / MINUTE_MS, 'minute');
  const since = `${now} since ${startedAt.toISOString()} from ${formatCount(startPerSecond)}, doubling every ${doubling}`;
  return maxWritesPerSecond === AS_CONFIGURED
    ? since
    : `${since}; not in force while a limit of the writes is set here`;
}

/** Shares of a large fleet are less than one. */
function writesText(perSecond: number): string {
  return `${perSecond < 10 ? String(Math.round(perSecond * 100) / 100) : formatCount(Math.round(perSecond))} writes/s`;
}
