import { describe, expect, it } from 'vitest';
import { fleetRates, formatRamp, limitOverrides, recordedRamp, shareOf } from './fleet-limits.ts';

const MINUTE_MS = 60_000;
const NOW_MS = Date.UTC(2026, 0, 1);
const RAMP = { startPerSecond: 1000, doublingMs: 20 * MINUTE_MS };
const CONFIGURED = { maxBytesPerSecond: 5000, writeRamp: RAMP };
const UNLIMITED = { maxBytesPerSecond: undefined, writeRamp: undefined };

function reading(controls: Readonly<Record<string, string>>, liveWorkers = 1) {
  return { at: new Date(NOW_MS), liveWorkers, controls: new Map(Object.entries(controls)) };
}

function begun(minutesAgo: number): string {
  return formatRamp({ ...RAMP, startedAtMs: NOW_MS - minutesAgo * MINUTE_MS, usedAtMs: NOW_MS - MINUTE_MS });
}

describe('fleetRates', () => {
  it.each([
    { case: 'nothing', limits: UNLIMITED, controls: {}, bytes: Infinity, writes: Infinity },
    { case: 'the configuration', limits: CONFIGURED, controls: {}, bytes: 5000, writes: 1000 },
    { case: 'a ramp under way', limits: CONFIGURED, controls: { write_ramp: begun(40) }, bytes: 5000, writes: 4000 },
    {
      case: 'a ramp of others',
      limits: UNLIMITED,
      controls: { write_ramp: begun(40) },
      bytes: Infinity,
      writes: Infinity,
    },
    {
      case: 'what an operator has set',
      limits: CONFIGURED,
      controls: { max_bandwidth: '1MiB', writes_per_second: '50', write_ramp: begun(40) },
      bytes: 1024 ** 2,
      writes: 50,
    },
    {
      case: 'an operator’s none',
      limits: CONFIGURED,
      controls: { max_bandwidth: 'none', writes_per_second: 'none' },
      bytes: Infinity,
      writes: Infinity,
    },
    {
      case: 'an operator’s default',
      limits: CONFIGURED,
      controls: { max_bandwidth: 'default', writes_per_second: 'default' },
      bytes: 5000,
      writes: 1000,
    },
    {
      case: 'what nobody can read, as if it were not there',
      limits: CONFIGURED,
      controls: { max_bandwidth: 'fast', writes_per_second: '0', write_ramp: '{"startedAt":"yesterday"}' },
      bytes: 5000,
      writes: 1000,
    },
  ])('goes by $case', ({ limits, controls, bytes, writes }) => {
    expect(fleetRates(limits, reading(controls))).toEqual({ bytesPerSecond: bytes, writesPerSecond: writes });
  });
});

describe('shareOf', () => {
  it('divides by the live workers, and takes an unheard-of worker for one', () => {
    const rates = { bytesPerSecond: 1000, writesPerSecond: Infinity };
    expect(shareOf(rates, 4)).toEqual({ bytesPerSecond: 250, writesPerSecond: Infinity });
    expect(shareOf(rates, 0)).toEqual(rates);
  });
});

describe('the controls', () => {
  it('say the ramp as it was recorded', () => {
    const ramp = { ...RAMP, startedAtMs: NOW_MS - 1, usedAtMs: NOW_MS };
    expect(recordedRamp(reading({ write_ramp: formatRamp(ramp) }))).toEqual(ramp);
  });

  it.each(['', 'null', '1', '{}', '[', '{"startedAt":1,"usedAt":2}'])('of %j say that there is no ramp', (text) => {
    expect(recordedRamp(reading({ write_ramp: text }))).toBeUndefined();
  });

  it('keep what an operator has set', () => {
    expect(limitOverrides(reading({ max_bandwidth: ' 524288B ', writes_per_second: 'none' }))).toEqual({
      bandwidth: 524_288,
      writes: 'none',
    });
  });
});
