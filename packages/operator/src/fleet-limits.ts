import type { StateStore } from '@object-transfer/core/ports/state-store';
import {
  AS_CONFIGURED,
  LIMIT_CONTROLS,
  LIMITS_REQUEST,
  limitOverrides,
  recordedRamp,
  type LimitOverride,
} from '@object-transfer/core/runtime/fleet-limits';
import { rampElapsedMs, rampPerSecond } from '@object-transfer/core/runtime/write-ramp';

/** What limits a fleet, as far as the state knows: what its workers are configured with is their own business. */
export interface FleetLimitStatus {
  readonly at: Date;
  /** That move objects, and so share the limits. */
  readonly liveWorkers: number;
  /** What an operator has set: a figure for all workers together, `none`, or `default`: as they are configured. */
  readonly maxBytesPerSecond: LimitOverride;
  readonly maxWritesPerSecond: LimitOverride;
  /** Of workers that are configured to have one; `undefined` where none has begun, or none was used for an hour. */
  readonly ramp:
    | {
        readonly startedAt: Date;
        readonly startPerSecond: number;
        readonly doublingMs: number;
        /** What it allows all workers together by now; `none` once it is over. */
        readonly writesPerSecond: number | 'none';
      }
    | undefined;
}

/** What an operator sets; left out, it stays as it is. */
export interface LimitChanges {
  readonly maxBytesPerSecond?: LimitOverride | undefined;
  readonly maxWritesPerSecond?: LimitOverride | undefined;
}

type LimitStore = Pick<StateStore, 'readFleet' | 'replaceControl'>;

/** Reads what holds; changes nothing. */
export async function readLimits(store: Pick<LimitStore, 'readFleet'>): Promise<FleetLimitStatus> {
  const reading = await store.readFleet(LIMITS_REQUEST);
  const { at, liveWorkers } = reading;
  const { bandwidth, writes } = limitOverrides(reading);
  const recorded = recordedRamp(reading);
  const elapsedMs = rampElapsedMs(recorded, at.getTime());
  const status = { at, liveWorkers, maxBytesPerSecond: bandwidth, maxWritesPerSecond: writes };
  if (recorded === undefined || elapsedMs === undefined) return { ...status, ramp: undefined };
  const { startedAtMs, startPerSecond, doublingMs } = recorded;
  const perSecond = rampPerSecond(recorded, elapsedMs);
  const writesPerSecond = perSecond === Infinity ? 'none' : Math.round(perSecond);
  return { ...status, ramp: { startedAt: new Date(startedAtMs), startPerSecond, doublingMs, writesPerSecond } };
}

/** Sets limits for the whole fleet; its workers go by them within about 12 seconds, without being started again. */
export async function changeLimits(store: LimitStore, changes: LimitChanges): Promise<void> {
  const { maxBytesPerSecond, maxWritesPerSecond } = changes;
  if (maxBytesPerSecond !== undefined) {
    await setControl(store, LIMIT_CONTROLS.bandwidth, asText(maxBytesPerSecond, 'B'));
  }
  if (maxWritesPerSecond !== undefined) {
    await setControl(store, LIMIT_CONTROLS.writes, asText(maxWritesPerSecond, ''));
  }
}

function asText(limit: LimitOverride, unit: string): string {
  return typeof limit === 'number' ? `${limit}${unit}` : limit;
}

/** The last one to say something is right: what somebody else has set meanwhile is replaced, too. */
async function setControl(store: LimitStore, name: string, value: string): Promise<void> {
  for (;;) {
    const { controls } = await store.readFleet(LIMITS_REQUEST);
    const held = controls.get(name);
    // What was never set is as configured: no row says so.
    if (held === value || (held === undefined && value === AS_CONFIGURED)) return;
    if (await store.replaceControl(name, held, value)) return;
  }
}
