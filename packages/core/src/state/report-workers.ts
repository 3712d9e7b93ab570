import type { Kysely } from 'kysely';
import type { WorkerRecord, WorkerReport } from '../ports/state-store.ts';
import type { StateTables } from './state-tables.ts';

/** One statement, but for the first time: a fleet's workers do little else as often. */
export async function reportWorker(db: Kysely<StateTables>, report: WorkerReport, now: number): Promise<void> {
  const columns = {
    runId: report.runId ?? null,
    mode: report.mode,
    host: report.host,
    pid: report.pid,
    counters: JSON.stringify(report.counters),
    heartbeatAt: now,
    endedAt: report.hasEnded === true ? now : null,
  };
  const update = async (): Promise<boolean> => {
    const { numUpdatedRows } = await db
      .updateTable('workers')
      .set(columns)
      .where('workerId', '=', report.workerId)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  };
  if (await update()) return;
  try {
    await db
      .insertInto('workers')
      .values({ workerId: report.workerId, ...columns })
      .execute();
  } catch (error) {
    // It may have been added meanwhile, by another report of the same worker.
    if (!(await update())) throw error;
  }
}

export async function listWorkers(db: Kysely<StateTables>, runId: string): Promise<readonly WorkerRecord[]> {
  const rows = await db.selectFrom('workers').selectAll().where('runId', '=', runId).orderBy('workerId').execute();
  return rows.map((row) => ({
    workerId: row.workerId,
    runId: row.runId ?? undefined,
    mode: row.mode,
    host: row.host,
    pid: row.pid,
    counters: JSON.parse(row.counters) as Record<string, number>,
    heartbeatAt: new Date(row.heartbeatAt),
  }));
}

export async function isWorkerSilent(
  db: Kysely<StateTables>,
  workerId: string,
  silentForMs: number,
  now: number,
): Promise<boolean> {
  const worker = await db
    .selectFrom('workers')
    .select(['heartbeatAt', 'endedAt'])
    .where('workerId', '=', workerId)
    .executeTakeFirst();
  if (worker === undefined) return false;
  // A later one is of a clock that was set back since.
  return worker.endedAt !== null || Math.abs(now - worker.heartbeatAt) >= silentForMs;
}
