import { describe, expect, it } from 'vitest';
import { rampElapsedMs, rampPerSecond, usedRamp } from './write-ramp.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const RAMP = { startPerSecond: 1000, doublingMs: 20 * MINUTE_MS };

describe('rampPerSecond', () => {
  it.each([
    { at: 'the beginning', elapsedMs: 0, perSecond: 1000 },
    { at: 'a clock that is behind', elapsedMs: -5, perSecond: 1000 },
    { at: 'half of the time in which it doubles', elapsedMs: 10 * MINUTE_MS, perSecond: 1000 * Math.SQRT2 },
    { at: '20 minutes', elapsedMs: 20 * MINUTE_MS, perSecond: 2000 },
    { at: '40 minutes', elapsedMs: 40 * MINUTE_MS, perSecond: 4000 },
    { at: '2 hours', elapsedMs: 2 * HOUR_MS, perSecond: 64_000 },
    { at: 'the far future', elapsedMs: 5 * HOUR_MS, perSecond: Infinity },
    { at: 'a time beyond all numbers', elapsedMs: Number.MAX_VALUE, perSecond: Infinity },
  ])('is $perSecond at $at', ({ elapsedMs, perSecond }) => {
    expect(rampPerSecond(RAMP, elapsedMs)).toBeCloseTo(perSecond, 6);
  });

  it('never grows faster than it may: twice as much in any 20 minutes, and without a jump', () => {
    for (let elapsedMs = 0; elapsedMs < 4 * HOUR_MS; elapsedMs += 10_000) {
      const now = rampPerSecond(RAMP, elapsedMs);
      expect(rampPerSecond(RAMP, elapsedMs + RAMP.doublingMs) / now).toBeCloseTo(2, 6);
      expect(rampPerSecond(RAMP, elapsedMs + 10_000) / now).toBeLessThan(1.01);
    }
  });

  it('comes to its end from a small start, too', () => {
    const slow = { startPerSecond: 1, doublingMs: 1440 * MINUTE_MS };
    expect(rampPerSecond(slow, 10 * 24 * HOUR_MS)).toBeCloseTo(1024, 6);
    expect(rampPerSecond(slow, 24 * 24 * HOUR_MS)).toBe(Infinity);
  });
});

describe('a ramp that a fleet shares', () => {
  const startedAtMs = Date.UTC(2026, 0, 1);
  const record = { startedAtMs, usedAtMs: startedAtMs + HOUR_MS };

  it('has not begun before somebody writes', () => {
    expect(rampElapsedMs(undefined, startedAtMs)).toBeUndefined();
    expect(usedRamp(undefined, startedAtMs)).toEqual({ startedAtMs, usedAtMs: startedAtMs });
  });

  it('goes on for an hour after it was last used, and begins anew after that', () => {
    const lastMs = record.usedAtMs + HOUR_MS;
    expect(rampElapsedMs(record, lastMs)).toBe(2 * HOUR_MS);
    expect(usedRamp(record, lastMs)).toEqual({ startedAtMs, usedAtMs: lastMs });
    expect(rampElapsedMs(record, lastMs + 1)).toBeUndefined();
    expect(usedRamp(record, lastMs + 1)).toEqual({ startedAtMs: lastMs + 1, usedAtMs: lastMs + 1 });
  });

  it('is recorded as used every five minutes, and not more often', () => {
    expect(usedRamp(record, record.usedAtMs + 5 * MINUTE_MS - 1)).toBeUndefined();
    const usedAtMs = record.usedAtMs + 5 * MINUTE_MS;
    expect(usedRamp(record, usedAtMs)).toEqual({ startedAtMs, usedAtMs });
  });

  it('takes a clock that is a little behind for its beginning', () => {
    expect(rampElapsedMs({ startedAtMs, usedAtMs: startedAtMs }, startedAtMs - 3)).toBe(0);
    expect(usedRamp({ startedAtMs, usedAtMs: startedAtMs }, startedAtMs - 3)).toBeUndefined();
  });
});
