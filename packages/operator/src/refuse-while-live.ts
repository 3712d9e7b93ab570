import { StateError } from '@object-transfer/core/domain/errors';
import type { StateStore, SubfolderReset } from '@object-transfer/core/ports/state-store';
import { describeRun, listLiveRuns } from './live-runs.ts';

/** What works on subfolders, by what of them it does. `run` does all of it. */
const JOBS: Readonly<Record<SubfolderReset, readonly string[]>> = {
  objects: ['worker cdnTransfer', 'publisher objects', 'run'],
  syncCheck: ['worker syncCheck', 'publisher sync-check', 'publisher sync-check --recheck', 'run', 'sync'],
  rsync: ['worker rsync', 'publisher rsync', 'run', 'sync'],
};

const SHOWN_RUNS = 20;

/**
 * @param kinds what is about to be changed by hand
 * @param action what is refused, as the beginning of a sentence: `the sync check cannot be reset`
 * @throws StateError `STATE_RUN_ACTIVE` naming every run that may be at work on it
 */
export async function refuseWhileLive(
  store: Pick<StateStore, 'listRuns' | 'now'>,
  kinds: readonly SubfolderReset[],
  action: string,
): Promise<void> {
  const jobs = [...new Set(kinds.flatMap((kind) => JOBS[kind]))];
  const live = await listLiveRuns(store, jobs);
  if (live.length === 0) return;
  const named = live.slice(0, SHOWN_RUNS).map((run) => `\n  ${describeRun(run)}`);
  const hidden = live.length - named.length;
  const more = hidden > 0 ? `\n  and ${hidden} more` : '';
  throw new StateError(
    'STATE_RUN_ACTIVE',
    `${action} while these run:${named.join('')}${more}\nstop them first, or add --force: what they hold is lost to them`,
    { op: 'refuseWhileLive' },
  );
}
