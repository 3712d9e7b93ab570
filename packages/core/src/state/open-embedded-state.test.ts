import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openDatabaseFile } from './open-database-file.ts';
import { type EmbeddedStateOptions, openEmbeddedState } from './open-embedded-state.ts';
import { createSqliteStateStore } from './sqlite-state-store.ts';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'open-state-'));
  file = join(directory, 'state.db');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

function open(options: Partial<EmbeddedStateOptions> = {}) {
  return openEmbeddedState(file, { owner: 'host:1:0000000a', ...options });
}

/** Changes the file as another program would. */
function edit(sql: string): void {
  const connection = new DatabaseSync(file);
  connection.exec(sql);
  connection.close();
}

function query(sql: string): Record<string, unknown>[] {
  const connection = new DatabaseSync(file);
  const rows = connection.prepare(sql).all();
  connection.close();
  return rows;
}

/** Opens the store over a connection on which something is set that makes it fail. */
async function openStore(pragma: string) {
  const database = await openDatabaseFile(file);
  const store = await createSqliteStateStore(database, { table: 'object_transfer_state', now: Date.now });
  database.connection.exec(pragma);
  return store;
}

describe('opening a state file', () => {
  it('creates it, and finds everything in it again', async () => {
    const first = await open();
    await first.stateStore.addSubfolders(['a/']);
    await first.queue.publish('objects', [{ data: 'x' }]);
    await first.close();
    const second = await open();
    expect(await second.stateStore.getSubfolder('a/')).toMatchObject({ dirKey: 'a/' });
    expect(await second.queue.backlog('objects')).toMatchObject({ waiting: 1 });
    await second.close();
  });

  it('leaves no file beside it when it is closed', async () => {
    const state = await open();
    await state.stateStore.addSubfolders(['a/']);
    await state.queue.close();
    expect(await state.stateStore.countSubfolders()).toMatchObject({ total: 1 });
    await state.close();
    expect(() => readFileSync(`${file}-wal`)).toThrow('ENOENT');
  });

  it('keeps state tables of several names apart, spelled as given', async () => {
    const [one, two] = [await open({ table: 'MYSQL_TABLE' }), await open({ table: 'otherTable2' })];
    await one.stateStore.addSubfolders(['a/']);
    expect(await two.stateStore.countSubfolders()).toMatchObject({ total: 0 });
    await one.close();
    await two.close();
    const names = query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'queue%'");
    expect(names.map((row) => row['name'])).toEqual(
      expect.arrayContaining(['MYSQL_TABLE', 'MYSQL_TABLE_object_errors', 'otherTable2', 'otherTable2_runs']),
    );
  });

  it('has the columns of the reference schema, with its defaults', async () => {
    await (await open()).close();
    edit("INSERT INTO object_transfer_state (dir_key) VALUES ('by hand/')");
    expect(query('SELECT * FROM object_transfer_state')).toMatchObject([
      {
        dir_key: 'by hand/',
        initial_transfer: 1,
        s3_size: 0,
        gcs_size: 0,
        cdn_transfer_published: 0,
        sync_check_published: 0,
        rsync_published: 0,
        sync_check_in_progress: 0,
        rsync_in_progress: 0,
        sync_check_frequency: 0,
        rsync_frequency: 0,
        sync_check_last_start: null,
        sync_check_last_end: null,
        rsync_last_start: null,
        rsync_last_end: null,
        sync_check_error: null,
        rsync_error: null,
      },
    ]);
  });

  it('lets several processes create it at once', async () => {
    const states = await Promise.all([open(), open(), open(), open()]);
    for (const state of states) await state.close();
    expect(query('SELECT count(*) AS n FROM queue_migrations')).toEqual([{ n: 1 }]);
  });

  it.each(['', 'a b', 'x"; DROP TABLE y; --', 'a-b', 'x'.repeat(51), 'queue', 'queue_messages', 'sqlite_x'])(
    'refuses the table name %j',
    async (table) => {
      await expect(open({ table })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );

  it.each([
    ['state tables', 'object_transfer_state_migrations'],
    ['queue tables', 'queue_migrations'],
  ])('refuses a file whose %s are of a later version, with both versions', async (_, ledger) => {
    await (await open()).close();
    edit(`INSERT INTO ${ledger} (version, name) VALUES (99, 'from the future')`);
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_STATE_TOO_NEW',
      message: expect.stringMatching(/state\.db has version 99 .* knows up to \d/),
    });
  });

  it('refuses what is no SQLite file, and leaves it alone', async () => {
    writeFileSync(file, 'a dump file\n'.repeat(1000));
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_STATE_INCOMPATIBLE',
      message: expect.stringContaining(file),
    });
    expect(readFileSync(file, 'utf8')).toBe('a dump file\n'.repeat(1000));
  });

  it("refuses another program's SQLite file, and leaves it alone", async () => {
    edit('CREATE TABLE bookmarks (url TEXT)');
    const before = readFileSync(file);
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIG_STATE_INCOMPATIBLE',
      message: expect.stringContaining('of another program'),
    });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('refuses a directory, and a path in a directory that is not there', async () => {
    mkdirSync(file);
    await expect(open()).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE', message: expect.stringContaining(file) });
    await expect(openEmbeddedState(join(directory, 'missing', 'x.db'), { owner: 'o' })).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
      message: expect.stringContaining('missing does not exist'),
    });
  });

  it.skipIf(process.getuid?.() === 0)('refuses a file that it cannot write', async () => {
    await (await open()).close();
    chmodSync(file, 0o400);
    await expect(open()).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE', message: expect.stringContaining(file) });
  });
});

describe('a file that something happened to', () => {
  it('is reported as damaged when it is cut short', async () => {
    const state = await open();
    await state.stateStore.addSubfolders(Array.from({ length: 5000 }, (_, i) => `dir-${i}/`));
    await state.close();
    truncateSync(file, 20 * 4096);
    const failure = await open()
      .then(async (damaged) => {
        try {
          return await damaged.stateStore.listSubfolders(undefined, 10_000);
        } finally {
          await damaged.close();
        }
      })
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'STATE_CORRUPT', retryable: false });
  });

  it('is reported as read-only when it can no longer be written', async () => {
    const store = await openStore('PRAGMA query_only = ON');
    await expect(store.addSubfolders(['a/'])).rejects.toMatchObject({ code: 'STATE_READ_ONLY', op: 'addSubfolders' });
    await store.close();
  });

  it('keeps nothing of subfolders that it has no room for', async () => {
    const store = await openStore('PRAGMA max_page_count = 60');
    const keys = Array.from({ length: 20_000 }, (_, i) => `dir-${i}/`);
    await expect(store.addSubfolders(keys)).rejects.toMatchObject({ code: 'STATE_STORAGE_FULL' });
    expect(await store.countSubfolders()).toMatchObject({ total: 0 });
    await store.close();
  });
});
