import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { FIELDS } from '@object-transfer/core/config/fields';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MysqlHome } from '../../services/mariadb-database.ts';
import { createMysqlHome } from '../../services/mariadb-home.ts';

/** Only on a server of its own may a test make users and tables of any name. */
const isShared = process.env['MYSQL_URL'] !== undefined;

/** As many as there are by now. */
const MIGRATIONS = 5;

let home: MysqlHome;

beforeEach(async () => {
  home = await createMysqlHome();
});

afterEach(async () => {
  await home.dispose();
});

function startPreparing(): ChildProcess {
  const options = JSON.stringify({ connection: home.connection, table: home.table });
  return fork(join(import.meta.dirname, 'mysql-prepare-process.ts'), [options]);
}

async function expectUsable(total: number): Promise<void> {
  const store = await openMysqlState(home);
  expect((await store.countSubfolders()).total).toBe(total);
  await store.addSubfolders(['new/']);
  const [lease] = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 1000, limit: 1 });
  expect(lease).toBeDefined();
  await store.recordObjectErrors([{ dirKey: 'a/', key: 'a/x', code: 'X', message: 'x', attempts: 1 }]);
  await store.close();
}

describe('preparing', () => {
  it('creates the tables, says so, and has nothing to do the next time', async () => {
    const { created, applied } = await prepareMysqlState(home);
    expect(created).toBe(true);
    expect(applied).toHaveLength(MIGRATIONS);
    expect(await prepareMysqlState(home)).toEqual({ created: false, applied: [] });
    await expectUsable(0);
  });

  it('is done once when four processes do it at once', async () => {
    const results = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const child = startPreparing();
        const exited = once(child, 'exit');
        let last: unknown;
        child.on('message', (message) => (last = message));
        expect((await exited)[0]).toBe(0);
        return last;
      }),
    );
    const nothing = { created: false, applied: [] };
    expect(results.filter((result) => JSON.stringify(result) === JSON.stringify(nothing))).toHaveLength(3);
    expect(results).toContainEqual({ created: true, applied: expect.anything() as unknown });
    await expectUsable(0);
  });

  it.each([0, 1, 2, 3, 4])('goes on where it was broken off after migration %d was begun', async (done) => {
    await prepareMysqlState(home);
    const store = await openMysqlState(home);
    await store.addSubfolders(['a/']);
    await store.recordObjectErrors([{ dirKey: 'a/', key: 'a/x', code: 'X', message: 'x', attempts: 1 }]);
    await store.close();
    const before = await home.query(`SHOW CREATE TABLE ${home.table}`);
    await home.query(`DELETE FROM ${home.table}_migrations WHERE version > ${done}`);
    await expect(openMysqlState(home)).rejects.toMatchObject({ code: 'CONFIG_STATE_INCOMPATIBLE' });
    // The table is there: to create it is no change.
    expect((await prepareMysqlState(home)).applied).toHaveLength(MIGRATIONS - Math.max(1, done));
    expect(await home.query(`SHOW CREATE TABLE ${home.table}`)).toEqual(before);
    await expectUsable(1);
  });

  it('goes on where some of the columns and side tables are there', async () => {
    await prepareMysqlState(home);
    await home.query(
      `ALTER TABLE ${home.table} DROP COLUMN repair_due, DROP INDEX to_repair;
       ALTER TABLE ${home.table} DROP COLUMN extra_count, DROP INDEX held, MODIFY gcs_object_count INT NULL;
       DROP TABLE ${home.table}_workers; DROP TABLE ${home.table}_controls; DELETE FROM ${home.table}_migrations`,
    );
    expect((await prepareMysqlState(home)).applied).toHaveLength(MIGRATIONS - 1);
    await expectUsable(0);
  });

  it.each([0, 1, 2, 3, 4])(
    'is finished by the next when it is killed, after %d more tables have appeared',
    async (tables) => {
      const child = startPreparing();
      const exited = once(child, 'exit');
      const seen = async (): Promise<number> => (await home.query('SHOW TABLES')).length;
      while ((await seen()) < tables && child.exitCode === null);
      child.kill('SIGKILL');
      await exited;
      expect((await prepareMysqlState(home)).applied.length).toBeLessThanOrEqual(MIGRATIONS);
      await expectUsable(0);
    },
  );

  it('refuses a table of a later version, with both versions', async () => {
    await prepareMysqlState(home);
    await home.query(`INSERT INTO ${home.table}_migrations (version, name) VALUES (99, 'from the future')`);
    const refusal = {
      code: 'CONFIG_STATE_TOO_NEW',
      message: expect.stringMatching(/has version 99 .* knows up to \d/) as string,
    };
    await expect(prepareMysqlState(home)).rejects.toMatchObject(refusal);
    await expect(openMysqlState(home)).rejects.toMatchObject(refusal);
  });

  it.skipIf(isShared).each(['2026', '1e5', '$a$', `${'x'.repeat(49)}$`])(
    'takes any name that the settings take: %s',
    async (table) => {
      const odd = { connection: home.connection, table };
      expect(FIELDS.mysqlTable.schema.safeParse(table).success).toBe(true);
      expect(await prepareMysqlState(odd)).toMatchObject({ created: true });
      const store = await openMysqlState(odd);
      await store.addSubfolders(['a/']);
      expect(await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 1000, limit: 1 })).toHaveLength(1);
      await store.recordObjectErrors([{ dirKey: 'a/', key: 'a/x', code: 'X', message: 'x', attempts: 1 }]);
      expect(await store.settleControl('name', 'value')).toBe('value');
      await store.close();
      expect(await home.query('SHOW TABLES')).toHaveLength(6);
      for (const row of await home.query('SHOW TABLES'))
        await home.query(`DROP TABLE \`${Object.values(row)[0] as string}\``);
    },
  );

  it.each(['', 'a b', 'a`b', 'a-b', 'x'.repeat(51), 'a.b.c'])('takes no other: %j', async (table) => {
    expect(FIELDS.mysqlTable.schema.safeParse(table).success).toBe(false);
    await expect(prepareMysqlState({ connection: home.connection, table })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it.skipIf(isShared)('needs no right to create tables where they are up to date', async () => {
    await prepareMysqlState(home);
    const { database } = home.connection;
    const user = `works_${database.slice(-8)}`;
    await home.query(`CREATE USER ${user} IDENTIFIED BY 'p'; GRANT SELECT, INSERT, UPDATE ON ${database}.* TO ${user}`);
    const worker = { connection: { ...home.connection, user, password: 'p' }, table: home.table };
    expect(await prepareMysqlState(worker)).toEqual({ created: false, applied: [] });
    await expect(prepareMysqlState({ ...worker, table: 'other' })).rejects.toMatchObject({
      code: 'CONFIG_ACCESS_DENIED',
    });
    await home.query(`DROP USER ${user}`);
  });

  it('creates the table again where only that was dropped', async () => {
    await prepareMysqlState(home);
    await home.query(`DROP TABLE ${home.table}`);
    await expect(openMysqlState(home)).rejects.toMatchObject({ code: 'CONFIG_STATE_MISSING' });
    expect(await prepareMysqlState(home)).toMatchObject({ created: true });
    await expectUsable(0);
  });

  it('keeps tables of several names apart, and finds one in another database', async () => {
    const other = { connection: home.connection, table: `${home.table}_2` };
    await prepareMysqlState(home);
    await prepareMysqlState(other);
    const [one, two] = [await openMysqlState(home), await openMysqlState(other)];
    await one.addSubfolders(['a/']);
    expect(await two.countSubfolders()).toMatchObject({ total: 0 });
    await one.close();
    await two.close();
    const elsewhere = { ...home.connection, database: 'information_schema' };
    const same = await openMysqlState({ connection: elsewhere, table: `${home.connection.database}.${home.table}` });
    expect(await same.countSubfolders()).toMatchObject({ total: 1 });
    await same.close();
  });
});
