import { ConfigurationError, StateError } from '@object-transfer/core/domain/errors';
import type { RunRecord, StateStore } from '@object-transfer/core/ports/state-store';
import { describeRun, listUnendedRuns, showsLife } from './live-runs.ts';

export interface AbandonRunOptions {
  readonly store: Pick<StateStore, 'listRuns' | 'abandonRun' | 'now'>;
  readonly runId: string;
  /** Who does it, for the run's row. */
  readonly by: { readonly user: string; readonly host: string };
  /** Also a run that shows life: it finds out at its next heartbeat, and stops. */
  readonly force: boolean;
}

/** Of the runs that have ended, those that an operator may still ask for. */
const KNOWN_RUNS = 10_000;
const SHOWN_RUNS = 20;

/**
 * Ends a run from outside, so that the job can run again at once.
 * @returns the run as it was
 * @throws ConfigurationError `CONFIG_INVALID` where there is no such run, naming those that there are, or it has ended;
 *   StateError `STATE_RUN_ACTIVE` where it shows life
 */
export async function abandonRun(options: AbandonRunOptions): Promise<RunRecord> {
  const { store, runId, by, force } = options;
  const unended = await listUnendedRuns(store);
  const run = unended.find((candidate) => candidate.runId === runId);
  if (run === undefined) throw await noSuchRun(store, runId, unended);
  if (!force && showsLife(run, await store.now())) {
    throw new StateError(
      'STATE_RUN_ACTIVE',
      `${describeRun(run)} is alive, its last heartbeat was at ${run.heartbeatAt.toISOString()}; stop it, or add --force`,
      { op: 'abandonRun', source: runId },
    );
  }
  const abandoned = await store.abandonRun(runId, `abandoned by ${by.user} on ${by.host}`);
  // It may have come to its end meanwhile.
  if (!abandoned) throw await noSuchRun(store, runId, await listUnendedRuns(store));
  return run;
}

async function noSuchRun(
  store: Pick<StateStore, 'listRuns'>,
  runId: string,
  unended: readonly RunRecord[],
): Promise<ConfigurationError> {
  const ended = (await store.listRuns({ limit: KNOWN_RUNS })).find((candidate) => candidate.runId === runId);
  const about =
    ended?.endedAt === undefined
      ? `there is no run ${JSON.stringify(runId)}`
      : `run ${runId} (${describeRun(ended)}) ended at ${ended.endedAt.toISOString()}, ${endOf(ended)}`;
  const hidden = unended.length - SHOWN_RUNS;
  const running = unended.slice(0, SHOWN_RUNS).map((run) => `\n  ${run.runId}  ${describeRun(run)}`);
  const list = unended.length === 0 ? 'no run is under way' : `these are under way:${running.join('')}`;
  const more = hidden > 0 ? `\n  and ${hidden} more` : '';
  return new ConfigurationError('CONFIG_INVALID', `${about}; ${list}${more}`, { op: 'abandonRun', source: runId });
}

function endOf({ status, exitMessage }: RunRecord): string {
  return exitMessage === undefined ? status : `${status}: ${exitMessage}`;
}
