import { parseSqlTemplate } from '@object-transfer/core/config/sql-template';
import { referenceQuery } from '@object-transfer/core/config/reference-queries';
import type { StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import type { QueryOverrides } from '@object-transfer/core/state/query-overrides';
import { createConnection } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MysqlHome } from '../../services/mariadb-database.ts';
import { createMysqlHome } from '../../services/mariadb-home.ts';

const OWNER = 'host:1:0000000a';
/** Only on a server of its own may a test make users. */
const isShared = process.env['MYSQL_URL'] !== undefined;

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

async function open(overrides: QueryOverrides, connection = home.connection): Promise<StateStore> {
  const store = await openMysqlState({ connection, table: home.table, overrides });
  opened.push(store);
  return store;
}

function query(sql: string) {
  return parseSqlTemplate(sql.replaceAll('{table}', home.table));
}

async function claimOne(store: StateStore): Promise<SubfolderLease> {
  const [lease] = await store.claimSubfolders({ owner: OWNER, leaseMs: 60_000, limit: 1 });
  if (lease === undefined) throw new Error('nothing was claimed');
  return lease;
}

describe('a statement that MySQL refuses', () => {
  const figures = {
    s3SizeBytes: 1,
    gcsSizeBytes: 1,
    s3ObjectCount: 1,
    gcsObjectCount: 1,
    missingCount: 0,
    mismatchedCount: 0,
    unprovenCount: 0,
    extraCount: 0,
  };
  const use: Readonly<Record<keyof QueryOverrides, (store: StateStore) => Promise<unknown>>> = {
    insertQuery: (store) => store.addSubfolders(['b/']),
    pullQuery: claimOne,
    updateQuery: async (store) => store.confirmPublished(await claimOne(store), { objects: 1, bytes: 1 }),
    startQuery: (store) => store.startSyncCheck('a/', OWNER, 60_000),
    endQuery: async (store) => {
      const lease = await store.startSyncCheck('a/', OWNER, 60_000);
      if (lease === undefined) throw new Error('it could not be started');
      return store.finishSyncCheck(lease, { figures });
    },
  };

  it.each([
    ['insertQuery', 'INSRT INTO {table} (dir_key) VALUES (%s)', 1064],
    ['insertQuery', 'INSERT INTO {table} (dir_key, s3_size) VALUES (%s)', 1136],
    ['insertQuery', "INSERT INTO {table} (dir_key, s3_size) VALUES (%s, 'much')", 1366],
    ['insertQuery', 'INSERT INTO {table} (dir_key, s3_size) VALUES (%s, -1)', 1264],
    ['pullQuery', 'SELECT dir_key FROM {table} WHERE no_column', 1054],
    ['pullQuery', 'SELECT dir_key FROM no_table', 1146],
    ['pullQuery', 'SELECT dir_key FROM {table} WHERE no_function(dir_key)', 1305],
    ['updateQuery', 'UPDATE {table} SET no_column = 1 WHERE dir_key = %s', 1054],
    ['updateQuery', 'UPDATE {table} SET s3_size = s3_size - 1 WHERE dir_key = %s', 1690],
    ['startQuery', 'UPDATE {table} SET sync_check_frequency = %s WHERE dir_key = %s', 1265],
    [
      'endQuery',
      'UPDATE {table} SET s3_size = %s, gcs_size = %s, rsync_frequency = %s, rsync_error = %s WHERE dir_key = %s',
      1265,
    ],
  ] as const)('is named by its field, at once, and changes nothing: %s %s', async (field, sql, errno) => {
    const store = await open({ [field]: query(sql) });
    await home.query(`INSERT INTO ${home.table} (dir_key) VALUES ('a/')`);
    const name = field.replace('Query', '_query');
    await expect(use[field](store)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      retryable: false,
      op: name,
      message: expect.stringMatching(new RegExp(`^${name}: MySQL refuses it: .* \\(errno ${errno}\\)$`)) as string,
    });
    expect(await home.query(`SELECT dir_key, s3_size, objects_published FROM ${home.table}`)).toEqual([
      { dir_key: 'a/', s3_size: 0, objects_published: 0 },
    ]);
  });

  it.skipIf(isShared)('for what its user may not do is named, too', async () => {
    const { database } = home.connection;
    const user = `reads_${database.slice(-8)}`;
    await home.query(`CREATE TABLE ${home.table}_log (dir_key TEXT)`);
    await home.query(
      `CREATE USER ${user} IDENTIFIED BY 'p'; GRANT SELECT, UPDATE ON ${database}.${home.table} TO ${user};
       GRANT SELECT ON ${database}.${home.table}_migrations TO ${user}`,
    );
    await home.query(`INSERT INTO ${home.table} (dir_key) VALUES ('a/')`);
    const store = await open(
      { updateQuery: query('INSERT INTO {table}_log (dir_key) VALUES (%s)') },
      {
        ...home.connection,
        user,
        password: 'p',
      },
    );
    await expect(use.updateQuery(store)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(
        /^update_query: MySQL refuses it: INSERT command denied to user .* \(errno 1142\)$/,
      ) as string,
    });
    await home.query(`DROP USER ${user}`);
  });

  it('only for rows that somebody else has locked is tried again until they are free', async () => {
    const store = await open({ updateQuery: query(referenceQuery('objectsUpdate', home.table)) });
    await store.addSubfolders(['a/']);
    const lease = await claimOne(store);
    const { host, port, user, password, database } = home.connection;
    const other = await createConnection({ host, port, user, password, database });
    await other.query('START TRANSACTION');
    await other.query(`SELECT * FROM ${home.table} FOR UPDATE`);
    const confirmed = store.confirmPublished(lease, { objects: 1, bytes: 1 });
    const waiting = `SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'update%'`;
    for (const killed of [1, 2]) {
      let found: Record<string, unknown> | undefined;
      while (found === undefined) [found] = await home.query(waiting);
      // What it waits for is interrupted, the second time with its connection.
      await home.query(`KILL ${killed === 1 ? 'QUERY' : 'CONNECTION'} ${String(found['id'])}`);
    }
    await other.query('ROLLBACK');
    expect(await confirmed).toBe(true);
    await other.end();
  });
});

describe('statements that do not fit together', () => {
  const everything = 'SELECT dir_key FROM {table} WHERE dir_key > %s'.replace('%s', "''");

  it.each([
    [
      'update_query and pull_query',
      { updateQuery: 'UPDATE {table} SET sync_check_published = TRUE WHERE dir_key = %s', pullQuery: everything },
      /^update_query: it leaves "a\/" in the result of pull_query: it would be published over and over$/,
    ],
    [
      'update_query and the built-in pull',
      { updateQuery: 'UPDATE {table} SET sync_check_published = TRUE WHERE dir_key = %s' },
      /^update_query: it leaves "a\/" with initial_transfer TRUE and cdn_transfer_published FALSE.* without a pull_query/,
    ],
    [
      'pull_query and the built-in update',
      { pullQuery: everything },
      /^pull_query: it still yields "a\/" .* without an update_query: it would be published over and over$/,
    ],
  ])('are named before a subfolder is published again: %s', async (_, texts, message) => {
    const store = await open(Object.fromEntries(Object.entries(texts).map(([field, sql]) => [field, query(sql)])));
    await store.addSubfolders(['a/']);
    const lease = await claimOne(store);
    await expect(store.confirmPublished(lease, { objects: 1, bytes: 1 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(message) as string,
    });
    const [row] = await home.query(`SELECT * FROM ${home.table}`);
    expect(row).toMatchObject({ objects_published: 0, sync_check_published: 0, lease_owner: lease.leaseOwner });
  });
});
