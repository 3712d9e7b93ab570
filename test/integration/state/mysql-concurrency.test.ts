import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseSqlTemplate } from '@object-transfer/core/config/sql-template';
import type { ObjectErrorRecord, StateStore } from '@object-transfer/core/ports/state-store';
import {
  type MysqlStateOptions,
  openMysqlState,
  prepareMysqlState,
} from '@object-transfer/core/state/open-mysql-state';
import { createConnection } from 'mysql2/promise';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { homeIn, type MysqlHome } from '../../services/mariadb-database.ts';
import { createMysqlHome } from '../../services/mariadb-home.ts';
import { connectionTo, startMariadb } from '../../services/mariadb.ts';

const DIRS = Array.from({ length: 400 }, (_, i) => `dir-${String(i).padStart(3, '0')}/`);

let directory: string;
let output: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mysql-processes-'));
  output = join(directory, 'output');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** @returns the exit code */
async function publish(options: MysqlStateOptions): Promise<unknown> {
  const child = fork(join(import.meta.dirname, 'mysql-claim-process.ts'), [JSON.stringify(options), output]);
  const [code] = (await once(child, 'exit')) as [unknown];
  return code;
}

function outputLines(): readonly string[] {
  return existsSync(output) ? readFileSync(output, 'utf8').trimEnd().split('\n') : [];
}

async function fill(options: MysqlStateOptions): Promise<StateStore> {
  await prepareMysqlState(options);
  const store = await openMysqlState(options);
  await store.addSubfolders(DIRS);
  return store;
}

function errorOf(key: string, attempts: number): ObjectErrorRecord {
  return { dirKey: 'a/', key, code: 'X', message: 'x', attempts };
}

function expectEachOnce(): void {
  const expected = [...DIRS.map((dir) => `claimed ${dir}`), ...DIRS.map((dir) => `confirmed ${dir}`)];
  expect(outputLines().toSorted()).toEqual(expected.toSorted());
}

it.each([
  ['built-in statements', undefined],
  ['statements of the operator', ['pullQuery', 'updateQuery']],
])('gives each subfolder to one of several processes: %s', async (_, fields) => {
  const home = await createMysqlHome();
  const queries = {
    pullQuery: `SELECT dir_key FROM ${home.table} WHERE rsync_error IS NULL ORDER BY dir_key LIMIT 7`,
    updateQuery: `UPDATE ${home.table} SET rsync_error = 'published' WHERE dir_key = %s`,
  };
  const overrides =
    fields && Object.fromEntries(Object.entries(queries).map(([field, sql]) => [field, parseSqlTemplate(sql)]));
  const options = { connection: home.connection, table: home.table, overrides };
  const store = await fill(options);
  expect(await Promise.all([1, 2, 3, 4].map(() => publish(options)))).toEqual([0, 0, 0, 0]);
  expectEachOnce();
  expect(await store.countSubfolders()).toMatchObject({ objectsPublished: DIRS.length, bytesPublished: DIRS.length });
  expect(await store.countHeldUnpublished()).toBe(0);
  await store.close();
  await home.dispose();
});

it('loses nothing and does nothing twice while the server is killed and started again', async () => {
  const server = await startMariadb({ isDurable: true });
  const home = await homeIn(connectionTo(server, 'busy'), 'state', true);
  const options = { connection: home.connection, table: home.table };
  const store = await fill(options);
  const publishing = Promise.all([1, 2, 3].map(() => publish(options)));
  for (const lines of [50, 300]) {
    while (outputLines().length < lines) await delay(5);
    await server.kill();
    await server.restart();
  }
  expect(await publishing).toEqual([0, 0, 0]);
  expectEachOnce();
  expect(await store.countSubfolders()).toMatchObject({ waiting: 0, published: DIRS.length, objectsPublished: 400 });
  await store.close();
  await server.close();
});

describe('others who write to the same rows', () => {
  let home: MysqlHome;
  let store: StateStore;
  let other: Awaited<ReturnType<typeof createConnection>>;

  beforeEach(async () => {
    home = await createMysqlHome();
    store = await fill(home);
    const { host, port, user, password, database } = home.connection;
    other = await createConnection({ host, port, user, password, database });
  });

  afterEach(async () => {
    await other.end();
    await store.close();
    await home.dispose();
  });

  /** Resolves when a transaction on this server waits for a lock. */
  async function someoneWaits(): Promise<void> {
    for (;;) {
      const [waiting] = await home.query(
        `SELECT 1 AS found FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'
           AND trx_mysql_thread_id IN (SELECT id FROM information_schema.processlist WHERE db = DATABASE())`,
      );
      if (waiting !== undefined) return;
      // The server renews what it says only for those who leave it alone for 100 ms.
      await delay(150);
    }
  }

  it('may be in a deadlock with it: it tries again', async () => {
    await store.recordObjectErrors([errorOf('a/1', 1), errorOf('a/2', 1)]);
    const table = `${home.table}_object_errors`;
    await other.query('START TRANSACTION');
    // The server sacrifices the one that has changed less.
    await other.query(`UPDATE ${home.table} SET rsync_error = 'x'`);
    await other.query(`UPDATE ${table} SET code = 'Y' WHERE object_key = 'a/2'`);
    const recording = store.recordObjectErrors([errorOf('a/1', 7), errorOf('a/2', 7)]);
    await someoneWaits();
    await other.query(`UPDATE ${table} SET code = 'Y' WHERE object_key = 'a/1'`);
    await other.query('COMMIT');
    await recording;
    expect(await store.listOpenObjectErrors({ limit: 9 })).toMatchObject([
      { key: 'a/1', code: 'X', attempts: 7 },
      { key: 'a/2', code: 'X', attempts: 7 },
    ]);
  });

  it('may hold all rows that are left: a claim waits for them rather than say that there are none', async () => {
    await other.query('START TRANSACTION');
    await other.query(`SELECT * FROM ${home.table} FOR UPDATE`);
    const claiming = store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 60_000, limit: 3 });
    await someoneWaits();
    await other.query('ROLLBACK');
    expect(await claiming).toHaveLength(3);
  });

  it('may hold some rows: a claim takes others at once', async () => {
    await other.query('START TRANSACTION');
    await other.query(`SELECT * FROM ${home.table} WHERE dir_key < 'dir-010/' FOR UPDATE`);
    const leases = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 60_000, limit: 3 });
    expect(leases.map((lease) => lease.dirKey > 'dir-009/')).toEqual([true, true, true]);
    await other.query('ROLLBACK');
  });

  it('may stand still in the midst of a transaction: the server ends their session while others are patient', async () => {
    const { connection, table } = home;
    const insertQuery = parseSqlTemplate(
      `INSERT INTO ${table} (dir_key, sync_check_error) SELECT %s, @@SESSION.wait_timeout`,
    );
    const telling = await openMysqlState({ connection, table, overrides: { insertQuery } });
    await telling.addSubfolders(['told/']);
    await telling.close();
    const told = await store.getSubfolder('told/');
    expect(Number(told?.syncCheckError)).toBeLessThanOrEqual(30);
  });

  it('may add rows within each other at the same time: only one of them does', async () => {
    const second = await openMysqlState(home);
    for (let round = 0; round < 5; round++) {
      const added = await Promise.allSettled([
        store.addSubfolders([`round-${round}/`]),
        second.addSubfolders([`round-${round}/inner/`]),
      ]);
      expect(added.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    }
    await second.close();
  });

  it('may add the same rows by hand at the same time', async () => {
    await other.query('START TRANSACTION');
    await other.query(`INSERT INTO ${home.table} (dir_key) VALUES ('new-2/')`);
    const adding = store.addSubfolders(['new-1/', 'new-2/', 'new-3/']);
    await someoneWaits();
    await other.query('COMMIT');
    expect(await adding).toBe(2);
  });

  it('settle one value and report one worker', async () => {
    const stores = await Promise.all([1, 2, 3, 4].map(() => openMysqlState(home)));
    const values = await Promise.all(stores.map((each, i) => each.settleControl('name', `value ${i}`)));
    expect(new Set(values).size).toBe(1);
    const report = { workerId: 'w', runId: 'r', mode: 'rsync', host: 'host', pid: 1, counters: {} };
    await Promise.all(stores.map((each) => each.reportWorker(report)));
    expect(await store.listWorkers('r')).toHaveLength(1);
    for (const each of stores) await each.close();
  });
});
