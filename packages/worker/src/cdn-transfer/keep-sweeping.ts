import type { StateStore } from '@object-transfer/core/ports/state-store';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { isLeaseOwnerGone, isLeaseOwnerHere } from '@object-transfer/core/runtime/process-identity';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { jittered } from '../jittered.ts';
import { sweepDeadParts } from './sweep-dead-parts.ts';
import type { PartsSweep } from './sweep-parts.ts';

export interface SweepingOptions extends Omit<PartsSweep, 'isDead'> {
  readonly stateStore: Pick<StateStore, 'isWorkerSilent'>;
  readonly logger: Logger;
  /** Between two sweeps, give or take a fifth; default ten minutes. */
  readonly everyMs?: number | undefined;
}

const EVERY_MS = 600_000;
/**
 * A worker of another machine that has not reported for so long, at two sweeps, one after the other, is taken for dead. One look is not
 * enough: when the state was away, nobody has reported for a moment. Where it was suspended for as long, the transfers that its parts
 * belonged to fail, and repairs bring the objects.
 */
const SILENT_FOR_MS = 900_000;

/**
 * Deletes the temporary parts of dead workers of a fleet, now and again and again: whoever finds them, a preempted machine
 * does not come back. Parts of processes that this state does not know are left alone.
 * @returns ends that
 */
export function keepSweeping(options: SweepingOptions): () => Promise<void> {
  const { stateStore, logger, everyMs = EVERY_MS } = options;
  const ending = new AbortController();
  let silentBefore: ReadonlySet<string> = new Set();
  const sweepOnce = async (): Promise<void> => {
    const silent = new Set<string>();
    const isDead = async (processId: string): Promise<boolean> => {
      if (isLeaseOwnerHere(processId)) return false;
      if (isLeaseOwnerGone(processId)) return true;
      if (!(await stateStore.isWorkerSilent(processId, SILENT_FOR_MS))) return false;
      silent.add(processId);
      return silentBefore.has(processId);
    };
    await sweepDeadParts({ ...options, isDead }, logger, ending.signal);
    silentBefore = silent;
  };
  const sweepAgainAndAgain = async (): Promise<void> => {
    for (;;) {
      await sweepOnce();
      await sleep(jittered(everyMs), ending.signal);
    }
  };
  // It ends by the abort alone.
  const sweeping = sweepAgainAndAgain().catch(() => undefined);
  return async () => {
    ending.abort();
    await sweeping;
  };
}
