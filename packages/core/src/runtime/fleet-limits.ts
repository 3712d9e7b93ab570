import { NO_LIMIT, parseBandwidth, parseWritesPerSecond } from '../config/rate-values.ts';
import type { FleetReading, FleetRequest } from '../ports/state-store.ts';
import { rampElapsedMs, rampPerSecond, type RampRecord, type WriteRamp } from './write-ramp.ts';

/**
 * Limits of all workers together: each takes the share of one, by the number of workers that are live at the moment. What
 * they share is in the controls of the state: since when the ramp of the writes goes on, and what an operator has set, which
 * wins over the configuration of every worker.
 */
export interface FleetLimits {
  /** `undefined`: no limit. */
  readonly maxBytesPerSecond: number | undefined;
  /** `undefined`: no ramp. */
  readonly writeRamp: WriteRamp | undefined;
}

/** Names of the controls. */
export const LIMIT_CONTROLS = { bandwidth: 'max_bandwidth', writes: 'writes_per_second', ramp: 'write_ramp' } as const;

/** As a control and as an operator writes it: what the configuration says holds. */
export const AS_CONFIGURED = 'default';

/** What an operator has set for the whole fleet: a figure per second, no limit, or nothing. */
export type LimitOverride = number | typeof NO_LIMIT | typeof AS_CONFIGURED;

/** What holds for all workers together, per second; Infinity: no limit. */
export interface FleetRates {
  readonly bytesPerSecond: number;
  readonly writesPerSecond: number;
}

/** A worker whose last report is older is gone: it reports about every 12 seconds, and may miss three. */
const STALE_AFTER_MS = 60_000;

/** What is to be read of the state: the workers are those that write. */
export const LIMITS_REQUEST: FleetRequest = {
  modes: ['cdnTransfer', 'rsync', 'sync'],
  staleAfterMs: STALE_AFTER_MS,
  controls: Object.values(LIMIT_CONTROLS),
};

/** A control that nobody can read, written by hand perhaps, is as if it were not there. */
export function limitOverrides({ controls }: Pick<FleetReading, 'controls'>) {
  const read = (name: string, parse: (text: string) => number | undefined): LimitOverride => {
    const text = controls.get(name)?.trim();
    if (text === undefined || text === AS_CONFIGURED) return AS_CONFIGURED;
    return text === NO_LIMIT ? NO_LIMIT : (parse(text) ?? AS_CONFIGURED);
  };
  return {
    bandwidth: read(LIMIT_CONTROLS.bandwidth, parseBandwidth),
    writes: read(LIMIT_CONTROLS.writes, parseWritesPerSecond),
  };
}

/** @param limits what the configuration says */
export function fleetRates(limits: FleetLimits, reading: FleetReading): FleetRates {
  const { bandwidth, writes } = limitOverrides(reading);
  const { maxBytesPerSecond = Infinity, writeRamp } = limits;
  const elapsedMs = rampElapsedMs(recordedRamp(reading), reading.at.getTime()) ?? 0;
  return {
    bytesPerSecond: perSecond(bandwidth, maxBytesPerSecond),
    writesPerSecond: perSecond(writes, writeRamp === undefined ? Infinity : rampPerSecond(writeRamp, elapsedMs)),
  };
}

function perSecond(override: LimitOverride, configured: number): number {
  if (override === NO_LIMIT) return Infinity;
  return override === AS_CONFIGURED ? configured : override;
}

/** The share of one worker. */
export function shareOf({ bytesPerSecond, writesPerSecond }: FleetRates, liveWorkers: number): FleetRates {
  // A worker that the state has not heard of for a moment is one all the same.
  const workers = Math.max(1, liveWorkers);
  return { bytesPerSecond: bytesPerSecond / workers, writesPerSecond: writesPerSecond / workers };
}

/** A ramp as the controls have it, for workers that start later, and for operators. */
export type RecordedRamp = RampRecord & WriteRamp;

export function formatRamp({ startedAtMs, usedAtMs, startPerSecond, doublingMs }: RecordedRamp): string {
  const startedAt = new Date(startedAtMs).toISOString();
  const usedAt = new Date(usedAtMs).toISOString();
  return JSON.stringify({ startedAt, usedAt, startPerSecond, doublingMs });
}

/** @returns `undefined` where none has begun, or the control cannot be read */
export function recordedRamp({ controls }: Pick<FleetReading, 'controls'>): RecordedRamp | undefined {
  const text = controls.get(LIMIT_CONTROLS.ramp);
  if (text === undefined) return undefined;
  try {
    const { startedAt, usedAt, startPerSecond, doublingMs } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const ramp = {
      startedAtMs: Date.parse(String(startedAt)),
      usedAtMs: Date.parse(String(usedAt)),
      startPerSecond: Number(startPerSecond),
      doublingMs: Number(doublingMs),
    };
    return Object.values(ramp).every(Number.isFinite) ? ramp : undefined;
  } catch {
    // Not a lost error: a ramp that cannot be read begins anew.
    return undefined;
  }
}
