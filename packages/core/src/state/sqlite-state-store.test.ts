import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatementSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateStore } from '../ports/state-store.ts';
import { EmbeddedDatabase } from './embedded-database.ts';
import { openDatabaseFile } from './open-database-file.ts';
import { createSqliteStateStore } from './sqlite-state-store.ts';

/** Notes every statement, so that its plan can be asked for. */
class RecordingDatabase extends EmbeddedDatabase {
  readonly statements = new Set<string>();

  override prepare(sql: string): StatementSync {
    this.statements.add(sql);
    return super.prepare(sql);
  }
}

let directory: string;
let database: RecordingDatabase;
let store: StateStore;
let nowMs = 0;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sqlite-state-'));
  nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  const opened = await openDatabaseFile(join(directory, 'state.db'));
  database = new RecordingDatabase(opened.file, opened.connection, 1000);
  store = await createSqliteStateStore(database, { table: 'object_transfer_state', now: () => nowMs });
});

afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

function rows(sql: string): Record<string, unknown>[] {
  return database.connection.prepare(sql).all();
}

async function check(dirKey: string) {
  const lease = await store.startSyncCheck(dirKey, 'host:1:0000000a', 1000);
  if (lease === undefined) throw new Error(`${dirKey} cannot be checked`);
  return lease;
}

/** Calls everything of the store once. */
async function useStore(): Promise<void> {
  const owner = 'host:1:0000000a';
  const error = { dirKey: 'a/', key: 'a/x', code: 'SOURCE_NOT_FOUND', message: '404', attempts: 1 };
  await store.addSubfolders(['a/', 'b/']);
  await store.addSubfolders(['c/d/']);
  await store.countNewSubfolders(['a/']);
  await store.getSubfolder('a/');
  await store.listSubfolders(undefined, 10);
  await store.listSubfolders('a/', 10);
  const [first, second] = await store.claimSubfolders({ owner, leaseMs: 1000, limit: 2 });
  if (first === undefined || second === undefined) throw new Error('nothing claimed');
  await store.extendSubfolderLease(first, 1000);
  await store.releaseSubfolder(second);
  await store.confirmPublished(first, { objects: 1, bytes: 1 });
  await store.countHeldUnpublished();
  await store.finishSyncCheck(await check('a/'), { error: 'x' });
  await store.releaseSyncCheck(await check('a/'));
  await store.recordObjectErrors([error]);
  await store.listOpenObjectErrors({ limit: 10 });
  await store.listOpenObjectErrors({ dirKey: 'a/', limit: 10 });
  await store.listOpenObjectErrors({ dirKey: 'a/', afterKey: 'a/a', limit: 10 });
  await store.resolveObjectErrors('a/', ['a/x']);
  await store.beginRun({ runId: 'r', job: 'run', host: 'host', pid: 1, staleAfterMs: 1, isAlive: () => true });
  await store.heartbeatRun('r');
  await store.endRun('r', 'SUCCEEDED', undefined);
  await store.reportWorker({ workerId: 'w', runId: 'r', mode: 'rsync', host: 'host', pid: 1, counters: {} });
  await store.listWorkers('r');
  await store.isWorkerSilent('w', 60_000);
  await store.reclaimLeases(() => true);
  await useWork('a/');
}

/** What publishers and workers of comparisons and repairs call, and operators. */
async function useWork(dirKey: string): Promise<void> {
  const difference = { dirKey, key: `${dirKey}y`, code: 'CHECK_MISSING', message: 'x', attempts: 0 };
  for (const target of ['syncCheck', 'rsync', 'rsyncExtras'] as const) {
    const [lease] = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 1000, limit: 1, target });
    if (lease !== undefined) await store.confirmWorkPublished(lease, target);
    await store.countHeldUnpublished(target);
  }
  const lease = await store.startRsync(dirKey, 'host:1:0000000a', 600_000);
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

describe('the cost of the statements', () => {
  it('grows with what they touch and not with the tables: an index answers each, and nothing is sorted', async () => {
    await useStore();
    expect(database.statements.size).toBeGreaterThan(20);
    const plans = [...database.statements].flatMap((sql) =>
      rows(`EXPLAIN QUERY PLAN ${sql}`).map(({ detail }) => String(detail)),
    );
    expect(plans.filter((step) => /SCAN (?!\d+-ROW VALUES)|TEMP B-TREE/.test(step)).toSorted()).toEqual([
      // The first page of a listing, which ends at its limit.
      'SCAN object_transfer_state',
      // Only open errors are in this index, and their listing ends at its limit.
      'SCAN object_transfer_state_object_errors USING INDEX object_transfer_state_object_errors_open',
      // The latest runs, up to the limit.
      'SCAN object_transfer_state_runs USING INDEX object_transfer_state_runs_by_start',
    ]);
    expect(plans).toContain(
      'SEARCH object_transfer_state USING COVERING INDEX object_transfer_state_to_publish (lease_expires_at<?)',
    );
  });
});

describe('the rows as people and the reference tool read them', () => {
  it('hold the times of a check as UTC DATETIMEs', async () => {
    await store.addSubfolders(['a/']);
    const lease = await check('a/');
    nowMs += 500;
    await store.finishSyncCheck(lease, { error: 'listing failed' });
    expect(rows('SELECT * FROM object_transfer_state')).toMatchObject([
      {
        sync_check_last_start: '2026-01-02 03:04:05',
        sync_check_last_end: '2026-01-02 03:04:06',
        sync_check_in_progress: 0,
        sync_check_error: 'listing failed',
        lease_owner: null,
        lease_expires_at: 0,
      },
    ]);
  });

  it('may be reset by hand to be published again', async () => {
    await store.addSubfolders(['a/']);
    const [lease] = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 1000, limit: 1 });
    if (lease === undefined) throw new Error('nothing claimed');
    await store.confirmPublished(lease, { objects: 1, bytes: 1 });
    database.connection.exec(
      'UPDATE object_transfer_state SET initial_transfer = TRUE, cdn_transfer_published = FALSE',
    );
    expect(await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 1000, limit: 9 })).toHaveLength(1);
  });

  it.each(['sync_check_in_progress', 'rsync_in_progress'])(
    'are left alone while %s was set without a lease: by the reference tool, which may still be at it',
    async (flag) => {
      await store.addSubfolders(['a/']);
      database.connection.exec(`UPDATE object_transfer_state SET ${flag} = TRUE`);
      expect(await store.startSyncCheck('a/', 'host:1:0000000a', 1000)).toBeUndefined();
      database.connection.exec(`UPDATE object_transfer_state SET ${flag} = FALSE`);
      await check('a/');
    },
  );

  it.each(['sync_check_in_progress', 'rsync_in_progress'])(
    'keep %s, set without a lease, while they are published',
    async (flag) => {
      await store.addSubfolders(['a/']);
      database.connection.exec(`UPDATE object_transfer_state SET ${flag} = TRUE`);
      const [lease] = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 1000, limit: 1 });
      if (lease === undefined) throw new Error('nothing claimed');
      await store.confirmPublished(lease, { objects: 1, bytes: 1 });
      expect(rows('SELECT * FROM object_transfer_state')).toMatchObject([{ [flag]: 1, lease_owner: null }]);
    },
  );

  it('keep a run that was taken over, and by whom', async () => {
    const run = { job: 'run', host: 'host', pid: 1, staleAfterMs: 1000, isAlive: () => true };
    await store.beginRun({ ...run, runId: 'first' });
    nowMs += 1000;
    await store.beginRun({ ...run, runId: 'second' });
    expect(rows('SELECT * FROM object_transfer_state_runs ORDER BY run_id')).toMatchObject([
      { run_id: 'first', status: 'ABANDONED', ended_at: nowMs, exit_message: 'taken over by second on host' },
      { run_id: 'second', status: 'RUNNING', ended_at: null, exit_message: null },
    ]);
  });
});
