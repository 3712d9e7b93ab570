import { readFileSync } from 'node:fs';
import { type MysqlConnection, openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { referenceTable } from '../../fixtures/reference-table.ts';
import type { MysqlHome } from '../../services/mariadb-database.ts';
import { createMysqlHome } from '../../services/mariadb-home.ts';

/** Of the blocks of a page, also of those inside a list. */
function statementsOf(name: string): readonly string[] {
  const page = readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
  return [...page.matchAll(/^ *```sql\n([^`]+)```/gm)].flatMap(([, block = '']) =>
    block
      .replaceAll(/^--.*\n/gm, '')
      .split(';')
      .map((sql) => sql.trim())
      .filter((sql) => sql !== ''),
  );
}

const PAGES = [
  { name: 'docs/operations.md', queries: 7 },
  { name: 'docs/check-and-repair.md', queries: 1 },
];
const STATEMENTS = statementsOf('docs/operations.md');
const GRANTS = STATEMENTS.filter((sql) => sql.startsWith('GRANT'));

let home: MysqlHome;
beforeAll(async () => {
  home = await createMysqlHome();
});
afterAll(() => home.dispose());

it.each(PAGES)('$name shows queries that a prepared table answers', async ({ name, queries }) => {
  await prepareMysqlState(home);
  const shown = statementsOf(name).filter((sql) => sql.startsWith('SELECT'));
  expect(shown).toHaveLength(queries);
  for (const query of shown) {
    const sql = query.replaceAll('object_transfer_state', home.table);
    // Strict as MySQL is where nothing is set.
    await home.query(`SET SESSION sql_mode = CONCAT(@@sql_mode, ',ONLY_FULL_GROUP_BY'); ${sql}`);
  }
});

it('docs/check-and-repair.md shows statements for state files that MySQL understands as they are', async () => {
  await prepareMysqlState(home);
  const page = readFileSync(new URL('../../../docs/check-and-repair.md', import.meta.url), 'utf8');
  const shown = [...page.matchAll(/^ *sqlite3 -box object-transfer\.sqlite "([^"]+)"/gm)].map(([, sql = '']) => sql);
  expect(shown).toHaveLength(2);
  for (const sql of shown) await home.query(sql.replaceAll('object_transfer_state', home.table));
});

it('docs/operations.md shows how to publish again what the reference tool has marked and may have lost', async () => {
  const [update = '', ...others] = STATEMENTS.filter((sql) => sql.startsWith('UPDATE'));
  expect(others).toEqual([]);
  const table = `${home.table}_lost`;
  await home.query(referenceTable(table));
  await home.query(
    `INSERT INTO ${table} (dir_key, initial_transfer, cdn_transfer_published, s3_size, gcs_size, sync_check_frequency)
       VALUES ('equal/', FALSE, TRUE, 7, 7, 1), ('different/', FALSE, TRUE, 7, 0, 1), ('unchecked/', FALSE, TRUE, 0, 0, 0),
              ('waiting/', TRUE, FALSE, 0, 0, 0)`,
  );
  const { connection } = home;
  await prepareMysqlState({ connection, table });
  await home.query(update.replaceAll('object_transfer_state', table));
  const store = await openMysqlState({ connection, table });
  try {
    const leases = await store.claimSubfolders({ owner: 'host:1:00000000', leaseMs: 60_000, limit: 10 });
    expect(leases.map(({ dirKey }) => dirKey).toSorted()).toEqual(['different/', 'unchecked/', 'waiting/']);
  } finally {
    await store.close();
  }
});

it('docs/check-and-repair.md shows how to abandon a run by hand, after which its job can begin again', async () => {
  const [update = '', ...others] = statementsOf('docs/check-and-repair.md').filter((sql) => sql.startsWith('UPDATE'));
  expect(others).toEqual([]);
  await prepareMysqlState(home);
  const store = await openMysqlState(home);
  const begin = (runId: string) =>
    store.beginRun({ runId, job: 'publisher rsync', host: 'host', pid: 1, staleAfterMs: 60_000, isAlive: () => true });
  try {
    await begin('hangs');
    await expect(begin('next')).rejects.toThrow(/already running/);
    await home.query(update.replaceAll('object_transfer_state', home.table).replace("'…'", "'hangs'"));
    await begin('next');
    const abandoned = (await store.listRuns({ limit: 2 })).find(({ runId }) => runId === 'hangs');
    expect(abandoned).toMatchObject({ runId: 'hangs', status: 'ABANDONED', exitMessage: 'abandoned by hand' });
    expect(abandoned?.endedAt).toBeInstanceOf(Date);
  } finally {
    await store.close();
  }
});

const userOf = (grant: string): string => /'\w+'@'%'/.exec(grant)?.[0] ?? '';

/** Only on a server of its own may a test make users. */
describe.skipIf(process.env['MYSQL_URL'] !== undefined)('docs/operations.md, users of MySQL', () => {
  let served: MysqlHome;
  beforeAll(async () => {
    served = await createMysqlHome();
    for (const grant of GRANTS) {
      await served.query(`CREATE USER ${userOf(grant)} IDENTIFIED BY 'password'`);
      await served.query(grant.replace('transfer.*', `\`${served.connection.database}\`.*`));
    }
  });
  afterAll(async () => {
    for (const grant of GRANTS) await served.query(`DROP USER IF EXISTS ${userOf(grant)}`);
    await served.dispose();
  });

  const as = (user: string): MysqlConnection => ({ ...served.connection, user, password: 'password' });

  it('lets the one that prepares upgrade the reference table, with the rights that are shown', async () => {
    await served.query(referenceTable('upgraded'));
    const { applied } = await prepareMysqlState({ connection: as('transfer_prepare'), table: 'upgraded' });
    expect(applied).not.toEqual([]);
  });

  it('lets the one that works claim, publish and report, with the rights that are shown', async () => {
    await prepareMysqlState({ connection: as('transfer_prepare'), table: served.table });
    const store = await openMysqlState({ connection: as('transfer'), table: served.table });
    await store.addSubfolders(['', 'photos/']);
    const [lease, other] = await store.claimSubfolders({ owner: 'host:1:00000000', leaseMs: 60_000, limit: 2 });
    if (lease === undefined || other === undefined) throw new Error('two subfolders wait');
    expect(await store.confirmPublished(lease, { objects: 1, bytes: 1 })).toBe(true);
    expect(await store.releaseSubfolder(other)).toBe(true);
    const error = { dirKey: '', key: 'a', code: 'SOURCE_NOT_FOUND', message: 'gone', attempts: 1 };
    await store.recordObjectErrors([error]);
    await store.resolveObjectErrors('', ['a']);
    await store.reportWorker({
      workerId: 'host:1:00000000',
      runId: undefined,
      mode: 'cdnTransfer',
      host: 'host',
      pid: 1,
      counters: {},
    });
    await store.close();
  });

  it('lets the one that works compare, repair, reset and abandon, with the rights that are shown', async () => {
    await prepareMysqlState({ connection: as('transfer_prepare'), table: served.table });
    const store = await openMysqlState({ connection: as('transfer'), table: served.table });
    await store.addSubfolders(['checked/']);
    const difference = { dirKey: 'checked/', key: 'checked/a', message: 'not equal', attempts: 0 };
    const check = await store.startSyncCheck('checked/', 'host:1:00000000', 60_000);
    if (check === undefined) throw new Error('nobody has it');
    await store.recordDifferences(check, [{ ...difference, code: 'CHECK_MISSING' }]);
    await store.recordDifferences(check, [{ ...difference, code: 'CHECK_DIFFERENT' }]);
    expect(await store.countOpenObjectErrors('checked/')).toEqual([{ code: 'CHECK_DIFFERENT', count: 1 }]);
    expect(await store.resolveUnseenErrors(check, new Date(Date.now() + 60_000))).toBe(1);
    expect(await store.finishSyncCheck(check, { error: 'SOURCE_CONNECTION: broken off' })).toBe(true);
    const repair = await store.startRsync('checked/', 'host:1:00000000', 60_000);
    if (repair === undefined) throw new Error('nobody has it');
    expect(await store.finishRsync(repair, { error: 'SOURCE_CONNECTION: broken off' }, 3)).toBe(true);
    expect(await store.resetSubfolders('rsync', ['checked/'])).toBe(1);
    expect(await store.abandonSubfolder('checked/')).toBe(false);
    const run = { runId: '1', job: 'worker rsync', host: 'host', pid: 1, staleAfterMs: 1, isAlive: () => true };
    await store.beginRun(run);
    expect(await store.abandonRun('1', 'by hand')).toBe(true);
    await store.close();
  });

  it('lets the one that works make no tables', async () => {
    const { host, port, database } = served.connection;
    const client = await createConnection({ host, port, database, user: 'transfer', password: 'password' });
    await expect(client.query('CREATE TABLE other (id INT)')).rejects.toThrow(/denied/);
    await client.end();
  });
});
