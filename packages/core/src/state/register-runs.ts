import { type Kysely, type Selectable, sql } from 'kysely';
import { StateError } from '../domain/errors.ts';
import { RUN_STATUS, type RunCounters, type RunRecord, type RunStatus, type StateStore } from '../ports/state-store.ts';
import type { RunTable, StateTables } from './state-tables.ts';

/**
 * In one transaction. Of two that begin at the same time, the second sees the first, or its row is refused by the index
 * that has one running run per job, and sees the first when it tries again. One that was begun before, its answer lost,
 * is left as it is.
 */
export async function beginRun(
  db: Kysely<StateTables>,
  run: Parameters<StateStore['beginRun']>[0],
  now: number,
): Promise<void> {
  await db.transaction().execute(async (transaction) => {
    const running = await transaction
      .selectFrom('runs')
      .selectAll()
      .where('job', '=', run.job)
      // A literal, so that the planner sees that the partial index holds these rows.
      .where('status', '=', sql.lit(RUN_STATUS.running))
      .execute();
    if (running.some(({ runId }) => runId === run.runId)) return;
    for (const other of running.map(toRunRecord)) {
      // A heartbeat of the future is of a clock that was set back since: whoever lives has the next one in a moment.
      const isFresh = Math.abs(now - other.heartbeatAt.getTime()) < run.staleAfterMs;
      if (isFresh && run.isAlive(other)) throw alreadyRunning(other);
      await endRunning(transaction, other.runId, {
        status: RUN_STATUS.abandoned,
        exitMessage: `taken over by ${run.runId} on ${run.host}`,
        endedAt: now,
      });
    }
    await transaction
      .insertInto('runs')
      .values({
        runId: run.runId,
        job: run.job,
        host: run.host,
        pid: run.pid,
        startedAt: now,
        heartbeatAt: now,
        status: RUN_STATUS.running,
        userName: run.userName ?? null,
      })
      .execute();
  });
}

export async function heartbeatRun(
  db: Kysely<StateTables>,
  runId: string,
  counters: RunCounters | undefined,
  now: number,
): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('runs')
    .set({ heartbeatAt: now, ...countersColumn(counters) })
    .where('runId', '=', runId)
    .where('status', '=', RUN_STATUS.running)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) throw notRunning(runId, 'heartbeatRun');
}

export async function endRun(
  db: Kysely<StateTables>,
  runId: string,
  end: Omit<RunEnd, 'endedAt'>,
  now: number,
): Promise<void> {
  const ended = await endRunning(db, runId, { ...end, endedAt: now });
  if (!ended) throw notRunning(runId, 'endRun');
}

async function endRunning(db: Kysely<StateTables>, runId: string, end: RunEnd): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('runs')
    .set({
      status: end.status,
      exitMessage: end.exitMessage ?? null,
      endedAt: end.endedAt,
      ...countersColumn(end.counters),
    })
    .where('runId', '=', runId)
    .where('status', '=', RUN_STATUS.running)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function listRuns(
  db: Kysely<StateTables>,
  { running = false, limit }: { readonly running?: boolean | undefined; readonly limit: number },
): Promise<readonly RunRecord[]> {
  let query = db.selectFrom('runs').selectAll().orderBy('startedAt', 'desc').orderBy('runId', 'desc').limit(limit);
  if (running) query = query.where('status', '=', RUN_STATUS.running);
  return (await query.execute()).map(toRunRecord);
}

/** @returns false where it has ended already, or there is no such run */
export async function abandonRun(
  db: Kysely<StateTables>,
  runId: string,
  exitMessage: string,
  now: number,
): Promise<boolean> {
  return endRunning(db, runId, { status: RUN_STATUS.abandoned, exitMessage, endedAt: now });
}

interface RunEnd {
  readonly status: Exclude<RunStatus, 'RUNNING'>;
  readonly exitMessage: string | undefined;
  readonly counters?: RunCounters | undefined;
  readonly endedAt: number;
}

function countersColumn(counters: RunCounters | undefined) {
  return counters === undefined ? {} : { counters: JSON.stringify(counters) };
}

function toRunRecord(row: Selectable<RunTable>): RunRecord {
  return {
    runId: row.runId,
    job: row.job,
    host: row.host,
    pid: row.pid,
    startedAt: new Date(row.startedAt),
    heartbeatAt: new Date(row.heartbeatAt),
    endedAt: row.endedAt === null ? undefined : new Date(row.endedAt),
    status: row.status,
    exitMessage: row.exitMessage ?? undefined,
    userName: row.userName ?? undefined,
    counters: row.counters === null ? {} : (JSON.parse(row.counters) as RunCounters),
  };
}

function alreadyRunning(other: RunRecord): StateError {
  return new StateError(
    'STATE_RUN_ACTIVE',
    `${other.job} is already running since ${other.startedAt.toISOString()} on ${other.host} (process ${other.pid})`,
    { op: 'beginRun', source: other.runId },
  );
}

function notRunning(runId: string, op: string): StateError {
  return new StateError('STATE_LEASE_LOST', `run ${runId} has ended or another run has taken over`, {
    op,
    source: runId,
  });
}
