import { randomUUID } from 'node:crypto';
import { describeError } from '../domain/classify-error.ts';
import { RUN_STATUS, type StateStore } from '../ports/state-store.ts';
import type { Logger } from './logger.ts';
import { isProcessGone, type ProcessIdentity } from './process-identity.ts';

/** A run is taken over when its heartbeat is this old, or at once where its process is known to be gone. */
const STALE_AFTER_MS = 30_000;
const HEARTBEAT_MS = 5_000;

export interface RegisteredRun {
  readonly stateStore: StateStore;
  /** What runs: one job runs once at a time. */
  readonly job: string;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
}

/**
 * Keeps a row of the runs table while `work` runs: begun, alive, and how it ended.
 * @param work gets the run's id; what it resolves to says how the run ended
 * @throws StateError `STATE_RUN_ACTIVE` while another run of the same job is alive, and whatever `work` throws
 */
export async function withRegisteredRun<T>(
  run: RegisteredRun,
  work: (runId: string) => Promise<{ readonly succeeded: boolean; readonly exitMessage: string; readonly value: T }>,
): Promise<T> {
  const { stateStore, job, identity, logger } = run;
  const runId = randomUUID();
  await stateStore.beginRun({
    runId,
    job,
    host: identity.host,
    pid: identity.pid,
    staleAfterMs: STALE_AFTER_MS,
    isAlive: (other) => !isProcessGone(other.host, other.pid),
  });
  let beating = Promise.resolve();
  const heartbeat = setInterval(() => {
    beating = beating
      .then(() => stateStore.heartbeatRun(runId))
      .catch((error: unknown) => logger.warn(describeError(error), 'the heartbeat of this run could not be stored'));
  }, HEARTBEAT_MS);
  try {
    const { succeeded, exitMessage, value } = await work(runId);
    await stateStore.endRun(runId, succeeded ? RUN_STATUS.succeeded : RUN_STATUS.failed, exitMessage);
    return value;
  } catch (error) {
    const { code, message } = describeError(error);
    await endFailed(run, runId, `${code}: ${message}`);
    throw error;
  } finally {
    clearInterval(heartbeat);
    await beating;
  }
}

/** The error that ended the run is the one to be told, not that its row could not be written after it. */
async function endFailed(run: RegisteredRun, runId: string, exitMessage: string): Promise<void> {
  try {
    await run.stateStore.endRun(runId, RUN_STATUS.failed, exitMessage);
  } catch (error) {
    run.logger.warn(describeError(error), 'the end of this run could not be stored');
  }
}
