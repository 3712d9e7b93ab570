import { describeError, errorFields } from '../domain/classify-error.ts';
import { StateError } from '../domain/errors.ts';
import { RUN_STATUS, type RunCounters, type RunRecord, type StateStore } from '../ports/state-store.ts';
import { endsWithin } from './ends-within.ts';
import type { Logger } from './logger.ts';
import { unlessAborted } from './unless-aborted.ts';
import { createRunId, isRunGone, type ProcessIdentity, processUser } from './process-identity.ts';

/** A run is taken over when its heartbeat is this old, or at once where its process is known to be gone. */
const RUN_STALE_AFTER_MS = 30_000;
const HEARTBEAT_MS = 5_000;

export interface RegisteredRun {
  readonly stateStore: Pick<StateStore, 'beginRun' | 'heartbeatRun' | 'endRun'>;
  /** What runs: `run`, `publisher rsync`, … One job runs once at a time. */
  readonly job: string;
  /** Any number of these may run at once: then each is a job of its own, {@link jobNameOf} tells which. */
  readonly isShared?: boolean | undefined;
  /** What it has done so far, for its row. */
  readonly counters?: (() => RunCounters) | undefined;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
  /** Between heartbeats; default 5,000. */
  readonly heartbeatMs?: number | undefined;
  /**
   * How long to wait for the row to be written at the end; default: as long as the state is patient. A process that was told to
   * stop does not wait for a state that is away: the row is taken for a dead run's then.
   */
  readonly endGraceMs?: number | undefined;
  /** Ends the waiting for the row to be begun. The work has a signal of its own. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * What a run does.
 * @param lost aborts with a StateError `STATE_LEASE_LOST` where another run has taken over, as it may when this process
 *   was suspended: the work is to stop at once
 * @returns how the run ended
 */
export type RunWork<T> = (
  runId: string,
  lost: AbortSignal,
) => Promise<{ readonly succeeded: boolean; readonly exitMessage: string; readonly value: T }>;

/**
 * Keeps a row of the runs table while `work` runs: begun, alive, and how it ended.
 * @throws StateError `STATE_RUN_ACTIVE` while another run of the same job is alive, `STATE_LEASE_LOST` where another has
 *   taken over, and whatever `work` throws; the reason of `signal` where it aborts before the work begins
 */
export async function withRegisteredRun<T>(run: RegisteredRun, work: RunWork<T>): Promise<T> {
  const { stateStore, job, identity } = run;
  const runId = createRunId();
  const beginning = stateStore.beginRun({
    runId,
    job: run.isShared === true ? `${job}#${runId}` : job,
    host: identity.host,
    pid: identity.pid,
    userName: processUser(),
    staleAfterMs: RUN_STALE_AFTER_MS,
    isAlive: (other) => !isRunGone(other),
  });
  await (run.signal === undefined ? beginning : unlessAborted(beginning, run.signal));
  const lost = new AbortController();
  let beating: Promise<void> | undefined;
  const heartbeat = setInterval(() => {
    // One at a time: while the state is away they would pile up.
    beating ??= beat(run, runId, lost).finally(() => {
      beating = undefined;
    });
  }, run.heartbeatMs ?? HEARTBEAT_MS);
  try {
    const result = await workToItsEnd(run, runId, lost.signal, work);
    const status = result.succeeded ? RUN_STATUS.succeeded : RUN_STATUS.failed;
    await inTime(run, stateStore.endRun(runId, status, result.exitMessage, run.counters?.()));
    return result.value;
  } finally {
    clearInterval(heartbeat);
    if (beating !== undefined) await inTime(run, beating);
  }
}

/** A run that another has taken over is that one's: its row is left alone. */
async function workToItsEnd<T>(
  run: RegisteredRun,
  runId: string,
  lost: AbortSignal,
  work: RunWork<T>,
): Promise<Awaited<ReturnType<RunWork<T>>>> {
  try {
    return await work(runId, lost);
  } catch (error) {
    if (!lost.aborted) {
      const { code, message } = describeError(error);
      await endFailed(run, runId, `${code}: ${message}`);
    }
    throw error;
  }
}

async function inTime({ endGraceMs, logger }: RegisteredRun, writing: Promise<void>): Promise<void> {
  if (endGraceMs !== undefined && !(await endsWithin(writing, endGraceMs))) {
    logger.warn('the end of this run could not be stored in time: the state does not answer');
    writing.catch(() => undefined);
    return;
  }
  await writing;
}

/** What runs, of a job that may run several times at once, too. */
export function jobNameOf({ job }: Pick<RunRecord, 'job'>): string {
  return job.split('#')[0] ?? job;
}

async function beat(run: RegisteredRun, runId: string, lost: AbortController): Promise<void> {
  if (lost.signal.aborted) return;
  try {
    await run.stateStore.heartbeatRun(runId, run.counters?.());
  } catch (error) {
    if (isTakenOver(error)) lost.abort(error);
    else run.logger.warn(errorFields(error), 'the heartbeat of this run could not be stored');
  }
}

function isTakenOver(error: unknown): boolean {
  return error instanceof StateError && error.code === 'STATE_LEASE_LOST';
}

/** The error that ended the run is the one to be told, not that its row could not be written after it. */
async function endFailed(run: RegisteredRun, runId: string, exitMessage: string): Promise<void> {
  try {
    await inTime(run, run.stateStore.endRun(runId, RUN_STATUS.failed, exitMessage, run.counters?.()));
  } catch (error) {
    run.logger.warn(errorFields(error), 'the end of this run could not be stored');
  }
}
