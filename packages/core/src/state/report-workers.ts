import type { Kysely } from 'kysely';
import type { WorkerRecord, WorkerReport } from '../ports/state-store.ts';
import type { StateTables } from './state-tables.ts';

export async function reportWorker(db: Kysely<StateTables>, report: WorkerReport, now: number): Promise<void> {
  const columns = {
    runId: report.runId ?? null,
    mode: report.mode,
    host: report.host,
    pid: report.pid,
    counters: JSON.stringify(report.counters),
    heartbeatAt: now,
  };
  await db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('workers')
      .set(columns)
      .where('workerId', '=', report.workerId)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) return;
    await transaction
      .insertInto('workers')
      .values({ workerId: report.workerId, ...columns })
      .execute();
  });
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
