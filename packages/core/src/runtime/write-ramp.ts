/**
 * How many objects a fleet may write to GCS per second. GCS spreads a bucket over more servers while the load grows, and
 * asks to begin at or below 1,000 writes per second (uploads, updates and deletes) and to double no faster than every
 * 20 minutes: https://cloud.google.com/storage/docs/request-rate#ramp-up
 *
 * The rate grows continuously and not in steps: over any 20 minutes it doubles, at no moment does it jump. A bucket that is
 * left alone shrinks again, so that a ramp which nobody has used for an hour begins anew.
 */
export interface WriteRamp {
  readonly startPerSecond: number;
  readonly doublingMs: number;
}

/** When a fleet began its ramp and when it last wrote under it, by the clock of the state: milliseconds since 1970. */
export interface RampRecord {
  readonly startedAtMs: number;
  readonly usedAtMs: number;
}

/** No fleet gets beyond this: a ramp that has come so far limits nothing any more. */
const UNLIMITED_PER_SECOND = 10_000_000;
/** Nothing was written for so long: the bucket has adapted to that. */
const IDLE_MS = 3_600_000;
/** A record says so often, at most, that it is in use: one row serves the whole fleet. */
const RECORD_MS = 300_000;

/**
 * @param elapsedMs since the ramp began; below 0, which clocks that differ a little can make of it, it is beginning
 * @returns writes per second of the whole fleet; Infinity once the ramp is over
 */
export function rampPerSecond({ startPerSecond, doublingMs }: WriteRamp, elapsedMs: number): number {
  const perSecond = startPerSecond * 2 ** (Math.max(0, elapsedMs) / doublingMs);
  return perSecond >= UNLIMITED_PER_SECOND ? Infinity : perSecond;
}

/** @returns how far a ramp is, in milliseconds; `undefined` where none has begun, or none that has been used lately */
export function rampElapsedMs(record: RampRecord | undefined, nowMs: number): number | undefined {
  if (record === undefined || isIdle(record, nowMs)) return undefined;
  return Math.max(0, nowMs - record.startedAtMs);
}

/**
 * What is to be recorded by a worker that has written something a moment ago: that the ramp begins, or goes on.
 * @returns `undefined` where the record says it already
 */
export function usedRamp(record: RampRecord | undefined, nowMs: number): RampRecord | undefined {
  if (record === undefined || isIdle(record, nowMs)) return { startedAtMs: nowMs, usedAtMs: nowMs };
  if (nowMs - record.usedAtMs < RECORD_MS) return undefined;
  return { startedAtMs: record.startedAtMs, usedAtMs: nowMs };
}

function isIdle({ usedAtMs }: RampRecord, nowMs: number): boolean {
  return nowMs - usedAtMs > IDLE_MS;
}
