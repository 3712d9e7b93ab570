import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedDatabase } from './embedded-database.ts';
import { APPLICATION_ID, openDatabaseFile } from './open-database-file.ts';

let directory: string;
let database: EmbeddedDatabase;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'embedded-'));
  database = await openDatabaseFile(join(directory, 'state.db'));
  database.connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  database.connection.exec('CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT NOT NULL)');
});

afterEach(() => {
  if (database.connection.isOpen) database.connection.close();
  rmSync(directory, { recursive: true });
});

function insert(id: number, note = ''): Promise<number> {
  return database.write('note', () => {
    database.prepare('INSERT INTO notes VALUES (?, ?)').run(id, note);
    return id;
  });
}

function ids(): readonly unknown[] {
  return database
    .prepare('SELECT id FROM notes ORDER BY id')
    .all()
    .map((row) => row['id']);
}

describe('write', () => {
  it('commits what is asked for in one turn together', async () => {
    const transactions = new Set<boolean>();
    const seen: (readonly unknown[])[] = [];
    const other = await openDatabaseFile(database.file);
    const count = other.prepare('SELECT count(*) AS n FROM notes');
    const writes = [1, 2, 3].map((id) =>
      database.write('note', () => {
        transactions.add(database.connection.isTransaction);
        database.prepare('INSERT INTO notes VALUES (?, ?)').run(id, '');
        seen.push([count.get()?.['n']]);
      }),
    );
    await Promise.all(writes);
    expect(transactions).toEqual(new Set([true]));
    expect(seen).toEqual([[0], [0], [0]]);
    expect(count.get()?.['n']).toBe(3);
    other.connection.close();
  });

  it('fails the one that failed and writes the others', async () => {
    const results = await Promise.allSettled([insert(1), insert(1), insert(2)]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(ids()).toEqual([1, 2]);
  });

  it('hands on what the function throws and writes nothing of it', async () => {
    const failing = database.write('note', () => {
      database.prepare('INSERT INTO notes VALUES (1, ?)').run('');
      throw new RangeError('mine');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(ids()).toEqual([]);
  });

  it('says that the disk is full, keeps what was written, and goes on when there is room again', async () => {
    await insert(1);
    const pages = database.prepare('PRAGMA page_count').get()?.['page_count'];
    database.connection.exec(`PRAGMA max_page_count = ${Number(pages)}`);
    await expect(insert(2, 'x'.repeat(100_000))).rejects.toMatchObject({
      code: 'STATE_STORAGE_FULL',
      retryable: false,
      op: 'note',
      message: expect.stringContaining(database.file),
    });
    expect(ids()).toEqual([1]);
    database.connection.exec('PRAGMA max_page_count = 100000');
    await insert(2, 'x'.repeat(100_000));
    expect(ids()).toEqual([1, 2]);
  });

  it('waits for another process to finish, without stopping this one', async () => {
    const other = await openDatabaseFile(database.file);
    await other.begin();
    let written = false;
    const writing = insert(1).then(() => (written = true));
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    expect(written).toBe(false);
    other.commit();
    await writing;
    expect(ids()).toEqual([1]);
    other.connection.close();
  });

  it('gives up, retryably, when another process keeps the file locked', async () => {
    const impatient = await openDatabaseFile(database.file, { busyTimeoutMs: 20 });
    await database.begin();
    await expect(impatient.write('ack', () => undefined)).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      retryable: true,
      op: 'ack',
    });
    database.rollback();
    impatient.connection.close();
  });
});

describe('exclusive use', () => {
  it('keeps the writes and reads of others out of a transaction that spans turns', async () => {
    const release = await database.acquire('test');
    await database.begin();
    database.connection.exec("INSERT INTO notes VALUES (1, '')");
    const reading = database.read('read', ids);
    const writing = insert(2);
    for (let turn = 0; turn < 10; turn++) await nextTurn();
    database.rollback();
    release();
    await writing;
    expect(await reading).toEqual([]);
    expect(ids()).toEqual([2]);
  });
});

describe('closing', () => {
  it('happens when the last user ends, after what was asked for is written', async () => {
    const endFirst = database.share();
    const endSecond = database.share();
    await endFirst();
    await endFirst();
    expect(database.connection.isOpen).toBe(true);
    const writing = insert(7);
    await endSecond();
    expect(await writing).toBe(7);
    expect(database.connection.isOpen).toBe(false);
    await expect(insert(8)).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    await expect(database.read('read', ids)).rejects.toThrow('has been closed');
  });
});
