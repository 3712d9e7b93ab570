import type { StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { homeIn, type MysqlHome } from '../../services/mariadb-database.ts';
import { numberedRows } from '../../services/mariadb-rows.ts';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { connectionTo, startMariadb } from '../../services/mariadb.ts';

const OWNER = 'host:1:0000000a';
const ROWS = 50_000;

let server: Mariadb;
let home: MysqlHome;
let store: StateStore;

beforeAll(async () => {
  server = await startMariadb();
  home = await homeIn(connectionTo(server, 'fleet'), 'state', true);
  await prepareMysqlState(home);
  await home.query(numberedRows('state', ROWS, ROWS / 2));
  store = await openMysqlState({ ...home, maxConnections: 1 });
  const keys = Array.from({ length: 2000 }, (_, i) => `photos/00000000/${i}`);
  await store.recordObjectErrors(
    keys.map((key) => ({ dirKey: 'photos/00000000/', key, code: 'X', message: 'x', attempts: 1 })),
  );
  await store.resolveObjectErrors('photos/00000000/', keys.slice(0, 1000));
  const past = Array.from({ length: 5000 }, (_, i) => `('past-${i}', 'run', 'host', 1, ${i}, ${i}, ${i}, 'SUCCEEDED')`);
  await home.query(
    `INSERT INTO state_runs (run_id, job, host, pid, started_at, heartbeat_at, ended_at, status) VALUES ${past.join(', ')}`,
  );
  await home.query('ANALYZE TABLE state_runs');
  const gone = Array.from({ length: 5000 }, (_, i) => `('gone-${i}', 'cdnTransfer', 'host', 1, '{}', ${i})`);
  await home.query(
    `INSERT INTO state_workers (worker_id, mode, host, pid, counters, heartbeat_at) VALUES ${gone.join(', ')}`,
  );
  await home.query('ANALYZE TABLE state_workers');
});

afterAll(async () => {
  await store.close();
  await server.close();
});

async function claim(limit: number): Promise<readonly SubfolderLease[]> {
  return store.claimSubfolders({ owner: OWNER, leaseMs: 600_000, limit });
}

async function check(dirKey: string): Promise<SubfolderLease> {
  const lease = await store.startSyncCheck(dirKey, OWNER, 600_000);
  if (lease === undefined) throw new Error(`${dirKey} cannot be checked`);
  return lease;
}

/** Calls what a fleet calls often. */
async function useStore(): Promise<void> {
  const dirKey = 'photos/00000000/';
  await store.addSubfolders(['a/', 'b/c/']);
  await store.getSubfolder('a/');
  await store.listSubfolders(undefined, 10);
  await store.listSubfolders('photos/', 10);
  const [first, second] = await claim(2);
  if (first === undefined || second === undefined) throw new Error('nothing claimed');
  await store.extendSubfolderLease(first, 600_000);
  await store.releaseSubfolder(second);
  await store.confirmPublished(first, { objects: 1, bytes: 1 });
  await store.countHeldUnpublished();
  await store.finishSyncCheck(await check(dirKey), { error: 'x' });
  await store.releaseSyncCheck(await check(dirKey));
  await store.recordObjectErrors([{ dirKey, key: `${dirKey}x`, code: 'X', message: 'x', attempts: 1 }]);
  await store.listOpenObjectErrors({ limit: 10 });
  await store.listOpenObjectErrors({ dirKey, limit: 10 });
  await store.listOpenObjectErrors({ dirKey, afterKey: `${dirKey}5`, limit: 10 });
  await store.resolveObjectErrors(dirKey, [`${dirKey}x`]);
  await store.beginRun({ runId: 'r', job: 'run', host: 'host', pid: 1, staleAfterMs: 1, isAlive: () => true });
  await store.heartbeatRun('r');
  await store.endRun('r', 'SUCCEEDED', undefined);
  await store.reportWorker({ workerId: 'w', runId: 'r', mode: 'rsync', host: 'host', pid: 1, counters: {} });
  await store.listWorkers('r');
  await store.isWorkerSilent('w', 60_000);
  await store.settleControl('name', 'value');
  await store.replaceControl('name', 'value', 'other');
  await store.replaceControl('new', undefined, 'value');
  await store.readFleet({ modes: ['cdnTransfer', 'rsync'], staleAfterMs: 60_000, controls: ['name', 'new'] });
  await store.reclaimLeases(() => true);
  await useWork(dirKey);
}

/** What publishers and workers of comparisons and repairs call, and operators. */
async function useWork(dirKey: string): Promise<void> {
  const difference = { dirKey, key: `${dirKey}y`, code: 'CHECK_MISSING', message: 'x', attempts: 0 };
  for (const target of ['syncCheck', 'rsync', 'rsyncExtras'] as const) {
    const [lease] = await store.claimSubfolders({ owner: OWNER, leaseMs: 1000, limit: 1, target });
    if (lease !== undefined) await store.confirmWorkPublished(lease, target);
    await store.countHeldUnpublished(target);
  }
  const lease = await store.startRsync(dirKey, OWNER, 600_000);
  if (lease === undefined) throw new Error(`${dirKey} cannot be repaired`);
  await store.recordObjectErrors([{ ...difference, key: `${dirKey}w` }], lease);
  await store.recordDifferences(lease, [difference, { ...difference, key: `${dirKey}z` }]);
  await store.recordDifferences(lease, [difference]);
  await store.resolveUnseenErrors(lease, await store.now());
  await store.finishRsync(lease, { error: 'x' }, 3);
  await store.withdrawPublished(dirKey, 'rsync');
  await store.listOpenObjectErrors({ code: 'CHECK_MISSING', limit: 10 });
  await store.listOpenObjectErrors({ code: 'CHECK_MISSING', afterKey: 'a/', limit: 10 });
  await store.listRuns({ limit: 10 });
  await store.listRuns({ running: true, limit: 10 });
  await store.abandonRun('r', 'x');
  await store.resetSubfolders('syncCheck', [dirKey]);
  await store.abandonSubfolder(dirKey);
}

/** Every statement that reads, as the server received it. */
async function statementsOf(work: () => Promise<void>): Promise<readonly string[]> {
  await home.query("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = 1");
  await work();
  await home.query('SET GLOBAL general_log = 0');
  const rows = await home.query(
    "SELECT CONVERT(argument USING utf8mb4) AS statement FROM mysql.general_log WHERE command_type = 'Query'",
  );
  return rows.map((row) => String(row['statement'])).filter((sql) => /^(select|update) .*`state/.test(sql));
}

/** Statements that the server has been sent since it started, asking for them included. */
async function questions(): Promise<number> {
  const [row] = await home.query("SHOW GLOBAL STATUS LIKE 'Questions'");
  return Number(row?.['Value']);
}

async function questionsOf(work: () => Promise<unknown>): Promise<number> {
  const before = await questions();
  await work();
  return (await questions()) - before;
}

/** Rows that the server has looked at since it started, in indexes and tables. */
async function reads(): Promise<number> {
  const rows = await home.query("SHOW GLOBAL STATUS LIKE 'Handler_read%'");
  return rows.reduce((sum, row) => sum + Number(row['Value']), 0);
}

async function readsOf(work: () => Promise<unknown>): Promise<number> {
  const before = await reads();
  const between = await reads();
  await work();
  // Asking reads, too, and as much each time.
  return (await reads()) - between - (between - before);
}

describe('the cost of the statements', () => {
  it('grows with what they touch and not with the tables: an index answers each, and nothing is sorted', async () => {
    const statements = await statementsOf(useStore);
    expect(statements.length).toBeGreaterThanOrEqual(30);
    const expensive = new Map<string, unknown>();
    for (const sql of statements) {
      for (const step of await home.query(`EXPLAIN ${sql}`)) {
        const isScan = step['type'] === 'ALL' && step['table'] !== null;
        if (isScan || /filesort|temporary|join buffer/.test(String(step['Extra']))) expensive.set(sql, step);
      }
    }
    expect(Object.fromEntries(expensive)).toEqual({});
  });

  it('reads, for a claim, the rows that it takes', async () => {
    const limit = 16;
    const cost = await readsOf(() => claim(limit));
    expect(cost).toBeGreaterThanOrEqual(limit);
    expect(cost).toBeLessThan(limit * 8);
  });

  it('reads next to nothing where no row can be claimed', async () => {
    while ((await claim(5000)).length > 0);
    expect(await readsOf(() => claim(16))).toBeLessThan(20);
  });

  it('is one statement for a heartbeat, whose worker has reported before', async () => {
    const report = { workerId: 'beating', runId: 'r', mode: 'rsync', host: 'host', pid: 1, counters: {} };
    const asking = await questionsOf(async () => undefined);
    await store.reportWorker(report);
    expect((await questionsOf(() => store.reportWorker(report))) - asking).toBe(1);
  });

  it('reads, to count the live workers, those and not the many that are gone', async () => {
    const request = { modes: ['cdnTransfer', 'rsync', 'sync'], staleAfterMs: 60_000, controls: ['a', 'b', 'c'] };
    for (const workerId of ['live-1', 'live-2', 'live-3']) {
      await store.reportWorker({ workerId, runId: 'r', mode: 'cdnTransfer', host: 'host', pid: 1, counters: {} });
    }
    expect((await store.readFleet(request)).liveWorkers).toBeGreaterThanOrEqual(3);
    expect(await readsOf(() => store.readFleet(request))).toBeLessThan(30);
  });

  it('reads, to count what is held, what is held', async () => {
    await home.query("UPDATE state SET lease_owner = NULL, lease_expires_at = 0 WHERE dir_key > 'photos/00025010/'");
    const held = await store.countHeldUnpublished();
    expect(held).toBeGreaterThan(0);
    expect(await readsOf(() => store.countHeldUnpublished())).toBeLessThan(held + 20);
  });
});
