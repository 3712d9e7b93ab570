import type { RunRecord, StateStore } from '@object-transfer/core/ports/state-store';
import { isRunGone } from '@object-transfer/core/runtime/process-identity';
import { jobNameOf } from '@object-transfer/core/runtime/registered-run';

/** A run whose heartbeat is older shows no sign of life: several have been missed, and the longest pauses are over. */
const SIGN_OF_LIFE_MS = 60_000;

/** More than a fleet has at a time. */
const MAX_RUNS = 10_000;

/**
 * True where the run has not ended, its heartbeat is fresh, and its process is not known to be gone.
 * @param now by the state's clock
 */
export function showsLife(run: RunRecord, now: Date): boolean {
  if (run.endedAt !== undefined) return false;
  // A later one is of a clock that was set back since.
  if (Math.abs(now.getTime() - run.heartbeatAt.getTime()) >= SIGN_OF_LIFE_MS) return false;
  return !isRunGone(run);
}

/** Runs that have not ended, the latest first, whether or not they show life. */
export function listUnendedRuns(store: Pick<StateStore, 'listRuns'>): Promise<readonly RunRecord[]> {
  return store.listRuns({ running: true, limit: MAX_RUNS });
}

/** Those of certain jobs that show life, however many of a job there are. */
export async function listLiveRuns(
  store: Pick<StateStore, 'listRuns' | 'now'>,
  jobs: readonly string[],
): Promise<readonly RunRecord[]> {
  const runs = await listUnendedRuns(store);
  const now = await store.now();
  return runs.filter((run) => jobs.includes(jobNameOf(run)) && showsLife(run, now));
}

/** `worker rsync on host-1 (process 7) by alice since 2026-01-31T18:00:00.000Z`. */
export function describeRun(run: RunRecord): string {
  const by = run.userName === undefined ? '' : ` by ${run.userName}`;
  return `${jobNameOf(run)} on ${run.host} (process ${run.pid})${by} since ${run.startedAt.toISOString()}`;
}
