import { parseSqlTemplate } from '@object-transfer/core/config/sql-template';
import { referenceQuery, type ReferenceQueryKind } from '@object-transfer/core/config/reference-queries';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import type { QueryOverrides } from '@object-transfer/core/state/query-overrides';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MysqlHome } from '../../services/mariadb-database.ts';
import { numberedRows } from '../../services/mariadb-rows.ts';
import { createMysqlHome } from '../../services/mariadb-home.ts';

let home: MysqlHome;
let opened: StateStore[];

beforeEach(async () => {
  home = await createMysqlHome();
  opened = [];
  await prepareMysqlState({ connection: home.connection, table: home.table });
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await home.dispose();
});

async function open(overrides: QueryOverrides): Promise<StateStore> {
  const store = await openMysqlState({ connection: home.connection, table: home.table, overrides });
  opened.push(store);
  return store;
}

function reference(kind: ReferenceQueryKind) {
  return parseSqlTemplate(referenceQuery(kind, home.table));
}

function query(sql: string) {
  return parseSqlTemplate(sql.replaceAll('{table}', home.table));
}

async function claim(store: StateStore, limit = 10) {
  return store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 60_000, limit });
}

async function row(dirKey: string): Promise<Record<string, unknown> | undefined> {
  const rows = await home.query(`SELECT * FROM ${home.table}`);
  return rows.find((candidate) => candidate['dir_key'] === dirKey);
}

/** Has found its rows, and takes a while to say so. */
function slowPull() {
  return query('SELECT dir_key, SLEEP(0.5) AS pause FROM {table} WHERE initial_transfer ORDER BY dir_key LIMIT 1');
}

/** @returns once the rows of {@link slowPull} have been found, what gives those that it then claims */
async function slowClaim(store: StateStore): Promise<() => Promise<readonly string[]>> {
  const leases = claim(store);
  const asleep = "SELECT 1 FROM information_schema.processlist WHERE state = 'User sleep' AND db = DATABASE()";
  while ((await home.query(asleep)).length === 0);
  return async () => (await leases).map(({ dirKey }) => dirKey);
}

describe('insert_query', () => {
  it('adds the rows, with the names bound and never spliced in', async () => {
    const hostile = `a'); DROP TABLE ${home.table}; -- ?/`;
    const store = await open({ insertQuery: reference('insert') });
    expect(await store.addSubfolders(['b/', hostile])).toBe(2);
    expect(await store.addSubfolders([hostile, 'c/'])).toBe(1);
    expect(await row(hostile)).toMatchObject({ initial_transfer: 1 });
  });

  it('adds nothing at all where it fails half-way, and is named where it adds no row', async () => {
    const store = await open({
      insertQuery: query('INSERT INTO {table} (dir_key) SELECT %s FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM {table})'),
    });
    await expect(store.addSubfolders(['a/', 'b/'])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'insert_query: it changed no row for "b/"',
    });
    expect((await store.countSubfolders()).total).toBe(0);
  });
});

describe('pull_query', () => {
  it('decides which rows are claimed; a ? in quotes is text', async () => {
    const store = await open({
      pullQuery: query("SELECT dir_key FROM {table} WHERE dir_key LIKE '2019%%' AND dir_key <> '2019?/' -- a comment"),
    });
    await store.addSubfolders(['2018/', '2019-a/', '2019-b/', '2019?/']);
    expect((await claim(store)).map(({ dirKey }) => dirKey).toSorted()).toEqual(['2019-a/', '2019-b/']);
    expect(await claim(store)).toEqual([]);
  });

  it('strands no row of its own choice with a lease of a clock that was set back, and leaves others alone', async () => {
    // Published long ago, as far as the built-in statement goes.
    const store = await open({ pullQuery: query("SELECT dir_key FROM {table} WHERE dir_key LIKE 'again%%'") });
    await store.addSubfolders(['again/', 'other/']);
    const later = Date.now() + 3 * 3_600_000;
    await home.query(`UPDATE ${home.table} SET lease_owner = 'gone', lease_expires_at = ${later}`);
    await home.query(`UPDATE ${home.table} SET initial_transfer = 0 WHERE dir_key = 'again/'`);
    expect((await claim(store)).map(({ dirKey }) => dirKey)).toEqual(['again/']);
    expect(await claim(store)).toEqual([]);
    expect(await row('other/')).toMatchObject({ lease_owner: 'gone', lease_expires_at: later });
  });

  it('finds more than its LIMIT where others hold what it finds first', async () => {
    const overrides = {
      pullQuery: query('SELECT dir_key FROM {table} WHERE initial_transfer ORDER BY dir_key LIMIT 2'),
    };
    const [first, second] = [await open(overrides), await open(overrides)];
    await first.addSubfolders(['a/', 'b/', 'c/', 'd/', 'e/']);
    const claimed = [
      ...(await claim(first)),
      ...(await claim(second)),
      ...(await claim(first)),
      ...(await claim(second)),
    ];
    expect(claimed.map(({ dirKey }) => dirKey).toSorted()).toEqual(['a/', 'b/', 'c/', 'd/', 'e/']);
  });

  it('may yield more rows than a statement can name, and many that others hold before the first free one', async () => {
    const store = await open({ pullQuery: query('SELECT dir_key FROM {table} ORDER BY dir_key') });
    await home.query(numberedRows(home.table, 70_000, 0));
    await home.query(
      `UPDATE ${home.table} SET lease_owner = 'other', lease_expires_at = ${Date.now() + 600_000} ORDER BY dir_key LIMIT 1200`,
    );
    const all = await home.query(`SELECT dir_key FROM ${home.table} ORDER BY dir_key`);
    const leases = await claim(store, 500);
    expect(leases.length).toBeGreaterThan(0);
    const claimed = new Set(leases.map(({ dirKey }) => dirKey));
    const places = all.flatMap((each, place) => (claimed.has(String(each['dir_key'])) ? [place] : []));
    expect(Math.min(...places)).toBe(1200);
  });

  describe('while others are at the same rows', () => {
    it('takes none that its holder has published meanwhile', async () => {
      const [store, other] = [await open({ pullQuery: slowPull() }), await open({})];
      await store.addSubfolders(['a/']);
      const [lease] = await claim(other);
      if (lease === undefined) throw new Error('nothing was claimed');
      const claimed = await slowClaim(store);
      expect(await other.confirmPublished(lease, { objects: 1, bytes: 1 })).toBe(true);
      expect(await claimed()).toEqual([]);
      expect(await row('a/')).toMatchObject({ lease_owner: null });
    });

    it('finds the next ones where somebody took all that it found', async () => {
      const [store, other] = [await open({ pullQuery: slowPull() }), await open({})];
      await store.addSubfolders(['a/', 'b/', 'c/']);
      const claimed = await slowClaim(store);
      expect((await claim(other, 2)).map(({ dirKey }) => dirKey)).toEqual(['a/', 'b/']);
      expect(await claimed()).toEqual(['c/']);
    });
  });

  it('is named where it yields no dir_key', async () => {
    const store = await open({ pullQuery: query('SELECT dir_key AS d FROM {table}') });
    await store.addSubfolders(['a/']);
    await expect(claim(store)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: /^pull_query: / });
  });
});

describe('update_query', () => {
  it('marks the row in place of the built-in statement, once, under the lease', async () => {
    const store = await open({
      updateQuery: query("UPDATE {table} SET initial_transfer = FALSE, rsync_error = 'kept?' WHERE dir_key = %s"),
    });
    await store.addSubfolders(['a/', 'b/']);
    const [lease] = await claim(store, 1);
    if (lease === undefined) throw new Error('nothing was claimed');
    expect(await store.confirmPublished(lease, { objects: 3, bytes: 9 })).toBe(true);
    expect(await row(lease.dirKey)).toMatchObject({
      initial_transfer: 0,
      cdn_transfer_published: 0,
      rsync_error: 'kept?',
      objects_published: 3,
      lease_owner: null,
    });
    expect(await store.confirmPublished(lease, { objects: 3, bytes: 9 })).toBe(false);
  });

  it('is named where it changes no row, which then stays claimed', async () => {
    const store = await open({
      updateQuery: query('UPDATE {table} SET initial_transfer = FALSE WHERE dir_key = concat(%s, 1)'),
    });
    await store.addSubfolders(['a/']);
    const [lease] = await claim(store);
    if (lease === undefined) throw new Error('nothing was claimed');
    await expect(store.confirmPublished(lease, { objects: 1, bytes: 1 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'update_query: it changed no row for "a/"',
    });
    expect(await row('a/')).toMatchObject({ initial_transfer: 1, objects_published: 0, lease_owner: lease.leaseOwner });
  });
});

describe('start_query and end_query', () => {
  const figures = {
    s3SizeBytes: 10,
    gcsSizeBytes: 9,
    s3ObjectCount: 2,
    gcsObjectCount: 1,
    missingCount: 1,
    mismatchedCount: 0,
    unprovenCount: 0,
    extraCount: 0,
  };

  it("are the reference's: flags, sizes and times as it writes them, and this program's counts beside them", async () => {
    const store = await open({ startQuery: reference('syncCheckStart'), endQuery: reference('syncCheckEnd') });
    await store.addSubfolders(['a/']);
    const lease = await store.startSyncCheck('a/', 'host:1:0000000a', 60_000);
    if (lease === undefined) throw new Error('it could not be started');
    const started = await row('a/');
    expect(started).toMatchObject({ sync_check_in_progress: 1, lease_owner: lease.leaseOwner });
    expect(started?.['sync_check_last_start']).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    expect(await store.startSyncCheck('a/', 'host:2:0000000b', 60_000)).toBeUndefined();
    expect(await store.finishSyncCheck(lease, { figures })).toBe(true);
    expect(await row('a/')).toMatchObject({
      sync_check_in_progress: 0,
      s3_size: 10,
      gcs_size: 9,
      sync_check_frequency: 1,
      sync_check_error: null,
      missing_count: 1,
      lease_owner: null,
    });
    expect(await store.finishSyncCheck(lease, { figures })).toBe(false);
  });

  it('keep the sizes of the check before where one fails', async () => {
    const store = await open({ startQuery: reference('syncCheckStart'), endQuery: reference('syncCheckEnd') });
    await store.addSubfolders(['a/']);
    for (const result of [{ figures }, { error: "it's the listing" }]) {
      const lease = await store.startSyncCheck('a/', 'host:1:0000000a', 60_000);
      if (lease === undefined) throw new Error('it could not be started');
      expect(await store.finishSyncCheck(lease, result)).toBe(true);
    }
    expect(await row('a/')).toMatchObject({
      s3_size: 10,
      sync_check_error: "it's the listing",
      sync_check_frequency: 2,
    });
  });

  it('leave a row alone that does not meet the conditions of start_query', async () => {
    const store = await open({
      startQuery: query(
        "UPDATE {table} SET sync_check_in_progress = TRUE, sync_check_last_start = %s WHERE dir_key = %s AND dir_key <> 'a/'",
      ),
    });
    await store.addSubfolders(['a/']);
    expect(await store.startSyncCheck('a/', 'host:1:0000000a', 60_000)).toBeUndefined();
    expect(await row('a/')).toMatchObject({ sync_check_in_progress: 0, lease_owner: null, lease_expires_at: 0 });
  });
});
