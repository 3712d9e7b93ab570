import type { StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';
import { parseSqlTemplate } from '@object-transfer/core/config/sql-template';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import type { QueryOverrides } from '@object-transfer/core/state/query-overrides';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MysqlHome } from '../../services/mariadb-database.ts';
import { createMysqlHome } from '../../services/mariadb-home.ts';
import { MariadbProxy } from '../../services/mariadb-proxy.ts';

const OWNER = 'host:1:0000000a';
const FIGURES = {
  s3SizeBytes: 100,
  gcsSizeBytes: 100,
  s3ObjectCount: 2,
  gcsObjectCount: 2,
  missingCount: 0,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
};

let home: MysqlHome;
let proxy: MariadbProxy;
let store: StateStore;
let custom: StateStore | undefined;

beforeEach(async () => {
  home = await createMysqlHome();
  await prepareMysqlState(home);
  proxy = await MariadbProxy.start(home.connection.port);
  store = await openMysqlState({
    connection: { ...home.connection, host: '127.0.0.1', port: proxy.port },
    table: home.table,
  });
});

afterEach(async () => {
  await store.close();
  await custom?.close();
  custom = undefined;
  await proxy.close();
  await home.dispose();
});

async function claimOne(): Promise<SubfolderLease> {
  const [lease] = await store.claimSubfolders({ owner: OWNER, leaseMs: 60_000, limit: 1 });
  if (lease === undefined) throw new Error('nothing to claim');
  return lease;
}

async function startCheck(): Promise<SubfolderLease> {
  const lease = await store.startSyncCheck('a/', OWNER, 60_000);
  if (lease === undefined) throw new Error('cannot be checked');
  return lease;
}

function query(sql: string) {
  return parseSqlTemplate(sql.replaceAll('{table}', home.table));
}

async function openCustom(overrides: QueryOverrides): Promise<StateStore> {
  custom = await openMysqlState({
    connection: { ...home.connection, host: '127.0.0.1', port: proxy.port },
    table: home.table,
    overrides,
  });
  return custom;
}

async function row(): Promise<Record<string, unknown> | undefined> {
  const [first] = await home.query(`SELECT * FROM ${home.table} WHERE dir_key = 'a/'`);
  return first;
}

/** Runs it while the answer to one of its statements is lost. */
async function losing<T>(statement: RegExp, work: () => Promise<T>): Promise<T> {
  proxy.loseAnswerTo(statement);
  const result = await work();
  expect(proxy.hasLost).toBe(true);
  return result;
}

describe('when the server does it and its answer is lost', () => {
  it('counts what was added', async () => {
    await store.addSubfolders(['a/']);
    expect(await losing(/COMMIT/, () => store.addSubfolders(['a/', 'b/', 'c/']))).toBe(2);
    expect(await store.countSubfolders()).toMatchObject({ total: 3 });
  });

  it('gives a claim what it took, and no more', async () => {
    await store.addSubfolders(['a/', 'b/', 'c/', 'd/', 'e/']);
    const leases = await losing(/COMMIT/, () => store.claimSubfolders({ owner: OWNER, leaseMs: 60_000, limit: 2 }));
    expect(leases.map((lease) => lease.dirKey).toSorted()).toEqual(['a/', 'b/']);
    expect(await store.countHeldUnpublished()).toBe(2);
    for (const lease of leases) expect(await store.confirmPublished(lease, { objects: 1, bytes: 1 })).toBe(true);
  });

  it('prolongs a lease', async () => {
    await store.addSubfolders(['a/']);
    const lease = await claimOne();
    expect(await losing(/update/, () => store.extendSubfolderLease(lease, 120_000))).toMatchObject({ dirKey: 'a/' });
  });

  it('confirms', async () => {
    await store.addSubfolders(['a/']);
    const lease = await claimOne();
    expect(await losing(/update/, () => store.confirmPublished(lease, { objects: 3, bytes: 5 }))).toBe(true);
    expect(await row()).toMatchObject({ cdn_transfer_published: 1, objects_published: 3, lease_owner: null });
  });

  it('does not confirm what was lost before', async () => {
    await store.addSubfolders(['a/']);
    const lease = await claimOne();
    await home.query(`UPDATE ${home.table} SET lease_owner = 'another'`);
    expect(await losing(/update/, () => store.confirmPublished(lease, { objects: 3, bytes: 5 }))).toBe(false);
    expect(await row()).toMatchObject({ cdn_transfer_published: 0, lease_owner: 'another' });
  });

  describe('with statements of the operator', () => {
    it.each([
      [
        'with a pull_query of its own',
        {
          updateQuery: "UPDATE {table} SET rsync_error = 'published' WHERE dir_key = %s",
          pullQuery: 'SELECT dir_key FROM {table} WHERE rsync_error IS NULL',
        },
      ],
      ['beside the built-in pull', { updateQuery: 'UPDATE {table} SET initial_transfer = FALSE WHERE dir_key = %s' }],
    ])('confirms %s', async (_, texts) => {
      await store.addSubfolders(['a/']);
      const lease = await claimOne();
      const queries = Object.fromEntries(Object.entries(texts).map(([field, sql]) => [field, query(sql)]));
      const confirming = await openCustom(queries);
      expect(await losing(/COMMIT/, () => confirming.confirmPublished(lease, { objects: 3, bytes: 5 }))).toBe(true);
      expect(await row()).toMatchObject({ cdn_transfer_published: 0, objects_published: 3, lease_owner: null });
      expect(await confirming.confirmPublished(lease, { objects: 3, bytes: 5 })).toBe(false);
    });

    it('does not confirm what another holder gave back', async () => {
      await store.addSubfolders(['a/']);
      const lease = await claimOne();
      await home.query(`UPDATE ${home.table} SET lease_owner = NULL, lease_expires_at = 0`);
      const confirming = await openCustom({
        updateQuery: query('UPDATE {table} SET initial_transfer = FALSE WHERE dir_key = %s'),
      });
      expect(await losing(/update/, () => confirming.confirmPublished(lease, { objects: 0, bytes: 0 }))).toBe(false);
    });

    it('stores the result of a check once', async () => {
      await store.addSubfolders(['a/']);
      const lease = await startCheck();
      const ending = await openCustom({
        endQuery: query(
          'UPDATE {table} SET sync_check_in_progress = FALSE, s3_size = %s + 1, gcs_size = %s, sync_check_last_end = %s, rsync_error = %s WHERE dir_key = %s',
        ),
      });
      expect(await losing(/COMMIT/, () => ending.finishSyncCheck(lease, { figures: FIGURES }))).toBe(true);
      expect(await row()).toMatchObject({ sync_check_in_progress: 0, s3_size: 101, s3_object_count: 2 });
    });
  });

  it('releases', async () => {
    await store.addSubfolders(['a/']);
    const lease = await claimOne();
    expect(await losing(/update/, () => store.releaseSubfolder(lease))).toBe(true);
    expect((await claimOne()).dirKey).toBe('a/');
  });

  it('begins a check once', async () => {
    await store.addSubfolders(['a/']);
    const lease = await losing(/update/, startCheck);
    expect(await row()).toMatchObject({ sync_check_in_progress: 1, lease_owner: lease.leaseOwner });
    expect(await store.finishSyncCheck(lease, { figures: FIGURES })).toBe(true);
  });

  it.each([{ figures: FIGURES }, { error: 'listing failed' }])(
    'stores the result of a check once: %j',
    async (result) => {
      await store.addSubfolders(['a/']);
      const lease = await startCheck();
      expect(await losing(/update/, () => store.finishSyncCheck(lease, result))).toBe(true);
      expect(await row()).toMatchObject({ sync_check_in_progress: 0, sync_check_frequency: 1 });
    },
  );

  it('breaks a check off', async () => {
    await store.addSubfolders(['a/']);
    const lease = await startCheck();
    expect(await losing(/update/, () => store.releaseSyncCheck(lease))).toBe(true);
    expect(await row()).toMatchObject({ sync_check_in_progress: 0, lease_owner: null });
  });

  it('counts the leases that it reclaims', async () => {
    await store.addSubfolders(['a/', 'b/', 'c/']);
    await store.claimSubfolders({ owner: 'dead:1', leaseMs: 60_000, limit: 2 });
    await claimOne();
    expect(await losing(/update/, () => store.reclaimLeases((owner) => owner.startsWith('dead')))).toBe(2);
    expect(await store.countHeldUnpublished()).toBe(1);
  });

  it('begins and ends a run', async () => {
    const run = { job: 'run', host: 'host', pid: 1, staleAfterMs: 60_000, isAlive: (): boolean => true };
    await losing(/COMMIT/, () => store.beginRun({ ...run, runId: 'first' }));
    await expect(store.beginRun({ ...run, runId: 'second' })).rejects.toMatchObject({ code: 'STATE_RUN_ACTIVE' });
    await losing(/update/, () => store.heartbeatRun('first'));
    await losing(/update/, () => store.endRun('first', 'FAILED', 'no network'));
    await expect(store.endRun('first', 'FAILED', 'again')).rejects.toMatchObject({ code: 'STATE_LEASE_LOST' });
  });

  it('settles a control, reports a worker, records an error', async () => {
    expect(await losing(/COMMIT/, () => store.settleControl('name', 'mine'))).toBe('mine');
    expect(await losing(/update/, () => store.replaceControl('name', 'mine', 'next'))).toBe(true);
    expect(await losing(/COMMIT/, () => store.replaceControl('other', undefined, 'first'))).toBe(true);
    expect(await losing(/update/, () => store.replaceControl('name', 'mine', 'another'))).toBe(false);
    const report = { workerId: 'w', runId: 'r', mode: 'rsync', host: 'host', pid: 1, counters: {} };
    await losing(/insert/, () => store.reportWorker(report));
    await losing(/update/, () => store.reportWorker({ ...report, counters: { messages: 1 } }));
    expect(await store.listWorkers('r')).toMatchObject([{ counters: { messages: 1 } }]);
    const error = { dirKey: 'a/', key: 'a/x', code: 'X', message: 'x', attempts: 1 };
    await losing(/COMMIT/, () => store.recordObjectErrors([error]));
    expect(await store.listOpenObjectErrors({ limit: 9 })).toMatchObject([error]);
  });
});

describe('a server that does not answer', () => {
  it('is given up in the end, with what was tried', async () => {
    const impatient = await openMysqlState({
      connection: { ...home.connection, host: '127.0.0.1', port: proxy.port },
      table: home.table,
      patienceMs: 500,
      statementTimeoutMs: 100,
      connectTimeoutMs: 100,
    });
    proxy.stall();
    await expect(impatient.addSubfolders(['a/'])).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      retryable: true,
      op: 'addSubfolders',
      message: expect.stringMatching(/127\.0\.0\.1:\d+\/.* \(\d+ tries in \d\.\d s\)/),
    });
    await impatient.close();
    await expect(impatient.countSubfolders()).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
  });
});
