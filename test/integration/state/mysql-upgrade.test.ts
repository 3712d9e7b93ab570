import type { StateStore } from '@object-transfer/core/ports/state-store';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { referenceTable } from '../../fixtures/reference-table.ts';
import type { MysqlHome } from '../../services/mariadb-database.ts';
import { createMysqlHome } from '../../services/mariadb-home.ts';

let home: MysqlHome;
let stores: StateStore[];

beforeEach(async () => {
  home = await createMysqlHome();
  stores = [];
});

afterEach(async () => {
  for (const store of stores) await store.close();
  await home.dispose();
});

async function open(): Promise<StateStore> {
  const store = await openMysqlState(home);
  stores.push(store);
  return store;
}

function tableOfReference(options = 'DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci'): string {
  return referenceTable(home.table, options);
}

function columns(rows: readonly Record<string, unknown>[]): Record<string, Record<string, unknown>> {
  return Object.fromEntries(rows.map((row) => [String(row['name']), row]));
}

const CHECKED = {
  initial_transfer: 0,
  s3_size: 5_000_000_000_000,
  gcs_size: 4_999_999_999_999,
  cdn_transfer_published: 1,
  sync_check_published: 1,
  rsync_published: 1,
  sync_check_frequency: 255,
  rsync_frequency: 3,
  sync_check_last_start: '2021-03-04 05:06:07',
  sync_check_last_end: '2021-03-04 05:07:08',
  rsync_last_start: '2021-03-05 05:06:07',
  rsync_last_end: '2021-03-05 05:07:08',
  sync_check_error: 'caf\u00e9 \u2014 failed',
  rsync_error: null,
};

function insert(dirKey: string, row: Readonly<Record<string, string | number | null>>): string {
  const values = Object.values(row).map((value) => (value === null ? 'NULL' : `'${value}'`));
  return `INSERT INTO ${home.table} (dir_key, ${Object.keys(row).join(', ')})
    VALUES ('${dirKey.replaceAll("'", "''")}', ${values.join(', ')})`;
}

describe('an existing table of the reference tool', () => {
  it.each([
    'DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci',
    'DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci',
    'DEFAULT CHARSET=utf8 COLLATE=utf8_general_ci',
  ])('keeps the state of its rows when it is upgraded: %s', async (options) => {
    await home.query(tableOfReference(options));
    const keys = ['photos/2019/', "it's/", '"quoted"/', '\u3042/', 'caf\u00e9/', '\\%_/', 'space /'];
    for (const key of keys) await home.query(insert(key.replaceAll('\\', '\\\\'), CHECKED));
    await home.query(`INSERT INTO ${home.table} (dir_key) VALUES ('waiting/')`);
    const { created, applied } = await prepareMysqlState(home);
    expect(created).toBe(false);
    expect(applied.join('; ')).toMatch(/^keys are told apart byte for byte, .*; beside it there are tables for /);
    const rows = await home.query(`SELECT * FROM ${home.table} WHERE dir_key <> 'waiting/'`);
    expect(rows.map((row) => String(row['dir_key'])).toSorted()).toEqual(keys.toSorted());
    for (const row of rows) expect(row).toMatchObject({ ...CHECKED, lease_owner: null, objects_published: 0 });

    const store = await open();
    expect(await store.countSubfolders()).toMatchObject({ total: 8, waiting: 1, mismatched: 0, failed: 7 });
    const leases = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 1000, limit: 10 });
    expect(leases.map((lease) => lease.dirKey)).toEqual(['waiting/']);
    for (const key of keys) expect(await store.getSubfolder(key)).toMatchObject({ syncCheckFrequency: 255 });
  });

  it('keeps the characters of a latin1 table whose rows have an old format', async () => {
    await home.query(tableOfReference('ROW_FORMAT=COMPACT DEFAULT CHARSET=latin1'));
    await home.query(insert('caf\u00e9/', { sync_check_error: '\u00fcber' }));
    await prepareMysqlState(home);
    expect(await (await open()).getSubfolder('caf\u00e9/')).toMatchObject({ syncCheckError: '\u00fcber' });
  });

  it('tells keys apart afterwards that its collation took for the same', async () => {
    await home.query(tableOfReference());
    await home.query(`INSERT INTO ${home.table} (dir_key) VALUES ('Photos/')`);
    await prepareMysqlState(home);
    const store = await open();
    const keys = ['photos/', 'Photos/', 'PHOTOS/', 'phot\u00f6s/', 'photos/ ', '\u{1f600}/', '\u{1f601}/'];
    expect(await store.addSubfolders(keys)).toBe(keys.length - 1);
    for (const key of keys) expect((await store.getSubfolder(key))?.dirKey).toBe(key);
  });

  it('gives NULLs the values of new rows', async () => {
    await home.query(tableOfReference());
    const nulls = { initial_transfer: null, s3_size: null, cdn_transfer_published: null, sync_check_frequency: null };
    await home.query(insert('a/', nulls));
    await prepareMysqlState(home);
    expect(await (await open()).getSubfolder('a/')).toMatchObject({
      initialTransfer: true,
      cdnTransferPublished: false,
      s3SizeBytes: 0,
      syncCheckFrequency: 0,
    });
  });

  it('has the same columns afterwards as one that was created', async () => {
    const describeTable = `SELECT column_name AS name, column_type AS type, is_nullable AS nullable,
      column_default AS standard, collation_name AS collation FROM information_schema.columns
      WHERE table_schema = DATABASE() AND table_name = '${home.table}' ORDER BY column_name`;
    await home.query(tableOfReference('ENGINE=MyISAM DEFAULT CHARSET=latin1'));
    await prepareMysqlState(home);
    const upgraded = columns(await home.query(describeTable));
    expect(upgraded['dir_key']).toMatchObject({ type: 'varchar(768)', nullable: 'NO' });
    expect(upgraded['dir_key']?.['collation']).toMatch(/_bin$/);
    expect(upgraded['sync_check_frequency']?.['type']).toMatch(/^int/);
    const fresh = await createMysqlHome();
    await prepareMysqlState(fresh);
    const created = columns(await fresh.query(describeTable.replace(home.table, fresh.table)));
    await fresh.dispose();
    expect(upgraded).toEqual(created);
  });

  it('takes the statements of the reference tool afterwards', async () => {
    await home.query(tableOfReference());
    await prepareMysqlState(home);
    await home.query(`INSERT INTO ${home.table} (dir_key) VALUES ('a/')`);
    await home.query(
      `UPDATE ${home.table} SET initial_transfer = FALSE, cdn_transfer_published = TRUE WHERE dir_key = 'a/'`,
    );
    const checkable = `SELECT dir_key FROM ${home.table}
      WHERE (gcs_size = 0 OR sync_check_frequency = 0) AND sync_check_published IS FALSE LIMIT 10`;
    expect(await home.query(checkable)).toEqual([{ dir_key: 'a/' }]);
    await home.query(`UPDATE ${home.table} SET sync_check_in_progress = FALSE, s3_size = 1, gcs_size = 1,
      sync_check_last_end = '2026-01-02 03:04:05', sync_check_frequency = sync_check_frequency + 1,
      sync_check_error = NULL WHERE dir_key = 'a/'`);
    expect(await (await open()).countSubfolders()).toMatchObject({ total: 1, verified: 1 });
  });

  it('is refused until it is prepared', async () => {
    await home.query(tableOfReference());
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_STATE_INCOMPATIBLE',
      message: expect.stringContaining('object-transfer prepare'),
    });
  });

  it('takes no keys that are too long for an index, and names them', async () => {
    await prepareMysqlState(home);
    const store = await open();
    const tooLong = `${'x'.repeat(768)}/`;
    await expect(store.addSubfolders(['fine/', tooLong])).rejects.toMatchObject({
      code: 'CONFIG_DUMP_FILE_FORMAT',
      message: expect.stringContaining(tooLong),
    });
    const fits = `${'\u{1f600}'.repeat(767)}/`;
    expect(await store.addSubfolders([fits])).toBe(1);
    expect((await store.getSubfolder(fits))?.dirKey).toBe(fits);
    expect(await store.countSubfolders()).toMatchObject({ total: 1 });
  });
});

describe('a table of something else', () => {
  it('is refused where its keys are too long, by name', async () => {
    await home.query(tableOfReference('DEFAULT CHARSET=latin1').replace('VARCHAR(500)', 'VARCHAR(1000)'));
    const tooLong = `${'x'.repeat(768)}/`;
    await home.query(`INSERT INTO ${home.table} (dir_key) VALUES ('short/'), ('${tooLong}')`);
    await expect(prepareMysqlState(home)).rejects.toMatchObject({
      code: 'CONFIG_STATE_INCOMPATIBLE',
      message: expect.stringContaining(tooLong),
    });
    await home.query(`DELETE FROM ${home.table} WHERE dir_key <> 'short/'`);
    await prepareMysqlState(home);
    expect(await (await open()).countSubfolders()).toMatchObject({ total: 1 });
  });

  it.each([
    ['no dir_key', (sql: string) => sql.replace('dir_key VARCHAR(500)', 'id VARCHAR(500)'), [/no column dir_key/]],
    [
      'another key',
      (sql: string) => sql.replace('500) PRIMARY KEY', '500), id INT PRIMARY KEY'),
      [/not its primary key/, /column id has no default/],
    ],
    ['a number as the key', (sql: string) => sql.replace('VARCHAR(500)', 'BIGINT'), [/dir_key is BIGINT, not VARCHAR/]],
    [
      'several things that are wrong',
      (sql: string) =>
        sql.replace('s3_size BIGINT(63) UNSIGNED DEFAULT 0', 's3_size TEXT').replace('rsync_error TEXT', 'other TEXT'),
      [/s3_size is TEXT, not an integer/, /no column rsync_error/],
    ],
  ])('is refused, with all that is wrong, and left as it was: %s', async (_, change, problems) => {
    await home.query(change(tableOfReference()));
    const before = await home.query(`SHOW CREATE TABLE ${home.table}`);
    const failure = await prepareMysqlState(home).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'CONFIG_STATE_INCOMPATIBLE' });
    for (const problem of problems) expect((failure as Error).message).toMatch(problem);
    expect(await home.query(`SHOW CREATE TABLE ${home.table}`)).toEqual(before);
    expect(await home.query(`SHOW TABLES LIKE '${home.table}%'`)).toHaveLength(1);
  });

  it('is refused where it is a view', async () => {
    await home.query(`CREATE VIEW ${home.table} AS SELECT 'a/' AS dir_key`);
    await expect(prepareMysqlState(home)).rejects.toMatchObject({ code: 'CONFIG_STATE_INCOMPATIBLE' });
    await home.query(`DROP VIEW ${home.table}`);
  });
});
