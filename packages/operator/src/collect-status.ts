import type {
  ObjectErrorCount,
  RunCounters,
  RunRecord,
  StateStore,
  SubfolderCounts,
} from '@object-transfer/core/ports/state-store';
import { jobNameOf } from '@object-transfer/core/runtime/registered-run';
import { listUnendedRuns, showsLife } from './live-runs.ts';

/** Where a transfer stands. Dates become ISO 8601 in UTC as JSON. */
export interface TransferStatus {
  readonly at: Date;
  /** How far the subfolders have come; `published` and `checked` count those that have gone further, too. */
  readonly subfolders: Pick<
    SubfolderCounts,
    | 'waiting'
    | 'published'
    | 'checked'
    | 'mismatched'
    | 'repaired'
    | 'failed'
    | 'verified'
    | 'beingChecked'
    | 'beingRepaired'
  > & { readonly listed: number };
  /** Published as the rows have it; the rest as the latest runs have counted it, what was done twice counting twice. */
  readonly objects: {
    readonly published: number;
    readonly transferred: number;
    readonly skipped: number;
    readonly failed: number;
  };
  readonly bytes: { readonly published: number; readonly transferred: number };
  readonly openErrors: { readonly total: number; readonly byCode: readonly ObjectErrorCount[] };
  /** What has not ended, the latest first. */
  readonly runs: readonly RunStatusEntry[];
}

export interface RunStatusEntry {
  readonly runId: string;
  readonly job: string;
  readonly host: string;
  readonly pid: number;
  readonly user: string | undefined;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  /** False: no sign of life since `heartbeatAt`. */
  readonly alive: boolean;
  readonly counters: RunCounters;
}

/** Of the runs that ended long ago, the counters would cost more to read than they tell. */
const COUNTED_RUNS = 2_000;

type StatusStore = Pick<StateStore, 'countSubfolders' | 'countOpenObjectErrors' | 'listRuns' | 'listWorkers' | 'now'>;

/** Reads all of it; changes nothing. */
export async function collectStatus(store: StatusStore, maxRsyncAttempts: number): Promise<TransferStatus> {
  const counts = await store.countSubfolders(maxRsyncAttempts);
  const byCode = await store.countOpenObjectErrors();
  const at = await store.now();
  const unended = await listUnendedRuns(store);
  const runs = await Promise.all(unended.map(async (run) => toEntry(run, await countersSoFar(store, run), at)));
  const counted = await sumCounters(store, runs);
  const { total: listed, waiting, objectsPublished, bytesPublished, ...funnel } = counts;
  return {
    at,
    subfolders: { listed, waiting, ...funnel, published: listed - waiting },
    objects: {
      published: objectsPublished,
      transferred: counted['objectsTransferred'] ?? 0,
      skipped: counted['objectsSkipped'] ?? 0,
      failed: counted['objectsFailed'] ?? 0,
    },
    bytes: { published: bytesPublished, transferred: counted['bytesTransferred'] ?? 0 },
    openErrors: { total: byCode.reduce((sum, { count }) => sum + count, 0), byCode },
    runs,
  };
}

function toEntry(run: RunRecord, counters: RunCounters, now: Date): RunStatusEntry {
  return {
    runId: run.runId,
    job: jobNameOf(run),
    host: run.host,
    pid: run.pid,
    user: run.userName,
    startedAt: run.startedAt,
    heartbeatAt: run.heartbeatAt,
    alive: showsLife(run, now),
    counters,
  };
}

/** Of the unended, what is known already. */
async function sumCounters(store: StatusStore, unended: readonly RunStatusEntry[]): Promise<RunCounters> {
  const sums: Record<string, number> = {};
  for (const { counters } of unended) addTo(sums, counters);
  const known = new Set(unended.map(({ runId }) => runId));
  for (const run of await store.listRuns({ limit: COUNTED_RUNS })) {
    if (!known.has(run.runId)) addTo(sums, await countersInTheEnd(store, run));
  }
  return sums;
}

/** While a run has processes of its own, they report sooner than they tell it; where it has none, it knows as much. */
async function countersSoFar(store: Pick<StateStore, 'listWorkers'>, run: RunRecord): Promise<RunCounters> {
  const counters: Record<string, number> = { ...run.counters };
  for (const [name, count] of Object.entries(await countersOfWorkers(store, run))) {
    counters[name] = Math.max(counters[name] ?? 0, count);
  }
  return counters;
}

async function countersInTheEnd(store: Pick<StateStore, 'listWorkers'>, run: RunRecord): Promise<RunCounters> {
  return Object.keys(run.counters).length > 0 ? run.counters : countersOfWorkers(store, run);
}

async function countersOfWorkers(store: Pick<StateStore, 'listWorkers'>, { runId }: RunRecord): Promise<RunCounters> {
  const sums: Record<string, number> = {};
  for (const { counters } of await store.listWorkers(runId)) addTo(sums, counters);
  return sums;
}

function addTo(sums: Record<string, number>, counters: RunCounters): void {
  for (const [name, count] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + count;
}
