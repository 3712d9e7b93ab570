import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { referenceTable } from '../fixtures/reference-table.ts';
import { expectExitCode } from './command.ts';
import { dumpOf, HIDDEN, naming, refusalOf, refused } from './fleet-refusal.ts';
import { configuredBy, Fleet } from './fleet.ts';
import { ENTITIES, putReferenceConfiguration, ROOT } from './reference-configuration.ts';

let fleet: Fleet;
beforeAll(async () => {
  fleet = await Fleet.start();
  putReferenceConfiguration(fleet);
  for (const folder of ['a', 'b']) fleet.rehearsal.source.put(`${ROOT}/${folder}/object`, 'x');
});
afterAll(() => fleet[Symbol.asyncDispose]());

/** An entity with the MySQL login of the fleet, but for some of its fields. */
function putLogin(name: string, changes: Readonly<Record<string, unknown>>): string {
  fleet.putSecret(name, JSON.stringify({ mysql_config: { ...fleet.mysqlConfig, ...changes } }));
  fleet.putEntity(name, { mysql_table: fleet.table, credentials_secret_id: name });
  return name;
}

const PUBLISHER = ['publisher', 'objects', ...configuredBy(ENTITIES.publisher)];
const WORKER = ['worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker)];

/** Host, port and database, as messages name them. */
function server(database = fleet.home.connection.database): string {
  const { host, port } = fleet.home.connection;
  return `MySQL at ${host}:${port}/${database}`;
}

describe('a MySQL that refuses is named', () => {
  it('where the password is wrong, without the password', async () => {
    const { user } = fleet.home.connection;
    const names = [server(), `Access denied for user '${user}'`];
    expect(await refused(fleet, await dumpOf(fleet, putLogin('wrong-password', { password: HIDDEN })))).toMatch(
      naming(names),
    );
  });

  it.each(['dump', 'prepare'])('where the database does not exist, by %s', async (command) => {
    const entity = putLogin('unknown-database', { database: 'no_such_database' });
    const args = command === 'dump' ? await dumpOf(fleet, entity) : ['prepare', ...configuredBy(entity)];
    expect(await refused(fleet, args)).toMatch(
      naming([server('no_such_database'), "Unknown database 'no_such_database'"]),
    );
  });
});

describe('a table that is not ready: `prepare` is named', () => {
  it.each([
    ['dump', () => dumpOf(fleet, ENTITIES.dump)],
    ['publisher', () => PUBLISHER],
    ['worker', () => WORKER],
  ])('where there is none, by %s', async (_, args) => {
    const names = [`there is no table ${fleet.table}`, '`object-transfer prepare` creates it'];
    expect(await refused(fleet, await args())).toMatch(naming(names));
  });

  it('where it is as the reference tool left it', async () => {
    const table = `${fleet.table}_reference`;
    await fleet.home.query(referenceTable(table));
    const names = [`the table ${table}`, 'reference tool', '`object-transfer prepare` upgrades it and keeps its rows'];
    expect(await refused(fleet, [...WORKER, '--mysql-table', table])).toMatch(naming(names));
  });

  it('and prepare refuses one of another shape, with all that is in its way, and leaves it alone', async () => {
    const table = `${fleet.table}_odd`;
    await fleet.home.query(
      `${referenceTable(table)}; ALTER TABLE ${table} MODIFY s3_size TEXT, DROP COLUMN rsync_error, ADD owner INT NOT NULL`,
    );
    expect(await refused(fleet, ['prepare', ...configuredBy(ENTITIES.dump), '--mysql-table', table])).toMatch(
      naming([
        `the table ${table} cannot become the state table, and has not been changed`,
        'its column s3_size is TEXT, not an integer',
        'it has no column rsync_error',
        'its column owner has no default',
      ]),
    );
  });
});

describe('a table that is prepared', () => {
  beforeAll(async () => {
    expectExitCode(await fleet.command('prepare', ...configuredBy(ENTITIES.publisher)), 0);
  });

  it('is not tied to a bucket by what cannot work', async () => {
    const mistyped = ['--s3-bucket', 'sorce'];
    expectExitCode(await fleet.command('prepare', ...configuredBy(ENTITIES.publisher), ...mistyped), 0);
    expect(await refused(fleet, [...PUBLISHER, ...mistyped])).toMatch(naming(['sorce']));
    expect(await refused(fleet, PUBLISHER)).toMatch(naming(['objects-topic is not there']));
    expect(await refused(fleet, [...WORKER, '--gcs-root-prefix', 'mistyped'])).toMatch(naming(['is not there']));
  });

  describe('and belongs to a bucket', () => {
    beforeAll(async () => {
      const keys = [...configuredBy(ENTITIES.publisher), ...configuredBy(ENTITIES.worker).slice(2)];
      expectExitCode(await fleet.command('prepare', ...keys, '--topics'), 0);
      expectExitCode(await fleet.command(...PUBLISHER), 0);
      expectExitCode(await fleet.command(...(await dumpOf(fleet, ENTITIES.dump))), 0);
    });

    it.each([
      ['publisher', PUBLISHER],
      ['worker', WORKER],
    ])('refuses the %s of another folder', async (_, args) => {
      const names = [`MySQL table ${fleet.table}`, `s3://source/${ROOT}/`, `not to s3://source/${ROOT}/a/`];
      expect(await refused(fleet, [...args, '--s3-root-prefix', `${ROOT}/a`])).toMatch(naming(names));
    });

    it('and a pull_query that MySQL does not understand changes nothing', async () => {
      const query = `SELECT dir_key FRM ${fleet.table}`;
      const names = [
        'error CONFIG_INVALID: pull_query: MySQL refuses it: ',
        'error in your SQL syntax',
        `${fleet.table}'`,
        '(errno 1064)',
      ];
      expect(await refused(fleet, [...PUBLISHER, '--pull-query', query])).toMatch(naming(names));
    });

    it('and an insert_query with a column that is not there adds nothing', async () => {
      const query = `INSERT INTO ${fleet.table} (dir) VALUES (%s)`;
      const names = ['error CONFIG_INVALID: insert_query: MySQL refuses it: ', "'dir'", '(errno 1054)'];
      await writeFile(fleet.rehearsal.path('more.txt'), 'c/\n');
      const dump = ['dump', ...configuredBy(ENTITIES.dump), '--dump_file', 'more.txt', '--insert-query', query];
      expect(await refused(fleet, dump)).toMatch(naming(names));
    });

    it.each([
      ['MySQL does not understand', 'UPDTE {table} SET x = 1', ['MySQL refuses it: ', 'SQL syntax', 'UPDTE']],
      ['names an unknown column', 'UPDATE {table} SET done = 1', ['MySQL refuses it: ', "Unknown column 'done'"]],
      ['leaves the subfolder waiting', 'UPDATE {table} SET rsync_published = 1', ['initial_transfer', 'over and over']],
    ])('and an update_query that %s leaves every subfolder to the next publisher', async (_, text, names) => {
      const query = `${text.replace('{table}', fleet.table)} WHERE dir_key = %s`;
      const message = refusalOf(await fleet.command(...PUBLISHER, '--update-query', query));
      expect(message).toMatch(naming(['error CONFIG_INVALID: update_query: ', ...names]));
      const columns = 'dir_key, initial_transfer, cdn_transfer_published, lease_owner';
      const waiting = { initial_transfer: 1, cdn_transfer_published: 0, lease_owner: null };
      expect(
        await fleet.home.query(`SELECT ${columns} FROM ${fleet.table} WHERE dir_key != '' ORDER BY dir_key`),
      ).toEqual([
        { dir_key: 'a/', ...waiting },
        { dir_key: 'b/', ...waiting },
      ]);
    });
  });
});
