import { errorFields } from '@object-transfer/core/domain/classify-error';
import type { FleetReading, StateStore } from '@object-transfer/core/ports/state-store';
import {
  AS_CONFIGURED,
  fleetRates,
  formatRamp,
  LIMIT_CONTROLS,
  LIMITS_REQUEST,
  limitOverrides,
  recordedRamp,
  shareOf,
  type FleetLimits,
  type FleetRates,
} from '@object-transfer/core/runtime/fleet-limits';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { unlessAborted } from '@object-transfer/core/runtime/unless-aborted';
import { usedRamp } from '@object-transfer/core/runtime/write-ramp';
import type { TransferRates } from './cdn-transfer/transfer-context.ts';
import { jittered } from './jittered.ts';

/** The limits of a fleet, and what of this worker is subject to them. */
export interface RateSharing {
  readonly stateStore: Pick<StateStore, 'readFleet' | 'replaceControl'>;
  /** What the configuration says; an operator's word in the state wins. */
  readonly limits: FleetLimits;
  readonly rates: TransferRates;
  readonly logger: Logger;
  /** Between two looks at the state, in the long run, give or take a fifth; default 10,000. */
  readonly refreshMs?: number | undefined;
}

const REFRESH_MS = 10_000;
/** Workers that are started at once do not see each other at first: the second look is soon, and each next one later. */
const SECOND_LOOK_MS = 500;
/** A ramp grows all the time: a share is told again when it has changed by so much. */
const TOLD_CHANGE = 1.25;

/**
 * Holds a worker to its share of what the fleet may do: read for the first time before this resolves, and again and again
 * from then on. While the state is away, the last share holds. The worker must have reported to the state before: it is one
 * of those who share.
 * @returns ends that; the last share goes on to hold
 * @throws what the first reading throws, unless `stop` has aborted
 */
export async function beginSharingRates(sharing: RateSharing, stop: AbortSignal): Promise<() => Promise<void>> {
  const { logger, refreshMs = REFRESH_MS } = sharing;
  const share = new RateShare(sharing);
  try {
    await unlessAborted(share.refresh(), stop);
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  const ending = new AbortController();
  const keepRefreshing = async (): Promise<void> => {
    let isAway = false;
    for (let waitMs = SECOND_LOOK_MS; ; waitMs *= 2) {
      await sleep(jittered(Math.min(waitMs, refreshMs)), ending.signal);
      try {
        await unlessAborted(share.refresh(), ending.signal);
        isAway = false;
      } catch (error) {
        ending.signal.throwIfAborted();
        if (!isAway) logger.warn(errorFields(error), 'the limits of the fleet could not be read; the last share holds');
        isAway = true;
      }
    }
  };
  const refreshing = keepRefreshing().catch(() => undefined);
  return async () => {
    ending.abort();
    await refreshing;
  };
}

class RateShare {
  readonly #sharing: RateSharing;
  #told: FleetRates = { bytesPerSecond: Infinity, writesPerSecond: Infinity };
  /** Writes that had been granted at the last look. */
  #writes: number;

  constructor(sharing: RateSharing) {
    this.#sharing = sharing;
    this.#writes = sharing.rates.writes.granted;
  }

  async refresh(): Promise<void> {
    const { stateStore, limits, rates } = this.#sharing;
    const reading = await stateStore.readFleet(LIMITS_REQUEST);
    const share = shareOf(fleetRates(limits, reading), reading.liveWorkers);
    rates.bytes.setPerSecond(share.bytesPerSecond);
    rates.writes.setPerSecond(share.writesPerSecond);
    this.#tell(share, reading.liveWorkers);
    await this.#recordUse(reading);
  }

  /** What was written since the last look was written under the ramp: whoever starts later is to join it. */
  async #recordUse(reading: FleetReading): Promise<void> {
    const { stateStore, limits, rates } = this.#sharing;
    const { granted } = rates.writes;
    const hasWritten = granted > this.#writes;
    this.#writes = granted;
    if (!hasWritten || limits.writeRamp === undefined || limitOverrides(reading).writes !== AS_CONFIGURED) return;
    const used = usedRamp(recordedRamp(reading), reading.at.getTime());
    if (used === undefined) return;
    // Of several workers one is first, and has said it for all.
    const held = reading.controls.get(LIMIT_CONTROLS.ramp);
    await stateStore.replaceControl(LIMIT_CONTROLS.ramp, held, formatRamp({ ...used, ...limits.writeRamp }));
  }

  #tell(share: FleetRates, liveWorkers: number): void {
    if (
      !isOther(share.bytesPerSecond, this.#told.bytesPerSecond) &&
      !isOther(share.writesPerSecond, this.#told.writesPerSecond)
    )
      return;
    this.#told = share;
    const { logger } = this.#sharing;
    const bytesPerSecond = figure(share.bytesPerSecond);
    const writesPerSecond = figure(share.writesPerSecond);
    if (bytesPerSecond === undefined && writesPerSecond === undefined)
      logger.info('no limit of the fleet holds any more');
    else
      logger.info(
        { liveWorkers, bytesPerSecond, writesPerSecond },
        "this worker's share of the fleet's limits, per second",
      );
  }
}

function isOther(now: number, told: number): boolean {
  return now !== told && !(now < told * TOLD_CHANGE && told < now * TOLD_CHANGE);
}

/** For people: to a hundredth; left out where there is no limit. */
function figure(perSecond: number): number | undefined {
  return perSecond === Infinity ? undefined : Math.round(perSecond * 100) / 100;
}
