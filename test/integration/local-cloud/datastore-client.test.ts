import { type Datastore, type Key, type Transaction, and, PropertyFilter } from '@google-cloud/datastore';
import { startDatastoreServer } from '@object-transfer/local-cloud/datastore/datastore-server';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openDatastore, type OpenDatastore } from '../config/google-clients.ts';
import { findEmulator, startEmulator } from '../../services/google-emulator.ts';

const ALREADY_EXISTS = 6;
const NOT_FOUND = 5;
const INVALID_ARGUMENT = 3;

interface RunningDatastore {
  readonly host: string;
  close(): Promise<void>;
}

/** What an entity holds, without its key; `undefined` where there is none. */
async function properties(reader: Datastore | Transaction, key: Key): Promise<unknown> {
  const [entity] = (await reader.get(key)) as [object | undefined];
  return entity === undefined ? undefined : Object.fromEntries(Object.entries(entity));
}

/** What Google's client and a Datastore say to each other. Whoever passes answers like Google's emulator. */
function describeDatastore(start: () => Promise<RunningDatastore>): void {
  let running: RunningDatastore;
  let opened: OpenDatastore;
  let client: Datastore;
  let projects = 0;

  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running.close());
  beforeEach(() => {
    projects += 1;
    opened = openDatastore(running.host, `project-${projects}`);
    client = opened.client;
  });
  afterEach(() => opened.close());

  async function names(query: ReturnType<Datastore['createQuery']>): Promise<readonly (string | undefined)[]> {
    const [entities] = await client.runQuery(query);
    return (entities as Record<symbol, { readonly name?: string; readonly id?: string }>[]).map((entity) => {
      const key = entity[client.KEY];
      return key?.name ?? key?.id;
    });
  }

  async function save(kind: string, ...entityNames: readonly (string | number)[]): Promise<void> {
    await client.save(
      entityNames.map((name, index) => ({ key: client.key([kind, name]), data: { even: index % 2 === 0, name } })),
    );
  }

  it('gives back what was saved', async () => {
    const key = client.key(['Config', 'a']);
    const data = { text: 'ä', number: 1, ratio: 0.5, flag: true, none: null, list: [1, 'b'], map: { c: [{ d: 1 }] } };
    await client.save({ key, data });
    expect(await properties(client, key)).toEqual(data);
  });

  it('gives a time back as a time', async () => {
    const key = client.key(['Config', 'a']);
    const at = new Date('2024-01-31T18:00:00.123Z');
    await client.save({ key, data: { at } });
    expect(await properties(client, key)).toEqual({ at });
  });

  it('has nothing where nothing was saved', async () => {
    expect(await properties(client, client.key(['Config', 'a']))).toBeUndefined();
    expect((await client.get([client.key(['Config', 'a'])]))[0]).toEqual([]);
  });

  it('inserts once, updates what there is, and deletes whatever there is', async () => {
    const entity = { key: client.key(['Config', 'a']), data: { version: 1 } };
    await expect(client.update(entity)).rejects.toMatchObject({ code: NOT_FOUND });
    await client.insert(entity);
    await expect(client.insert(entity)).rejects.toMatchObject({ code: ALREADY_EXISTS });
    await client.update({ ...entity, data: { version: 2 } });
    expect(await properties(client, entity.key)).toEqual({ version: 2 });
    await client.upsert({ ...entity, data: { other: 3 } });
    expect(await properties(client, entity.key)).toEqual({ other: 3 });
    await client.delete(entity.key);
    await client.delete(entity.key);
    expect(await properties(client, entity.key)).toBeUndefined();
  });

  it('chooses ids, and other ones each time', async () => {
    const entities = [1, 2].map((number) => ({ key: client.key('Config'), data: { number } }));
    await client.save(entities);
    const [first, second] = entities.map(({ key }) => key.id);
    expect(first).toMatch(/^[1-9]\d+$/);
    expect(first).not.toBe(second);
    const [allocated] = await client.allocateIds(client.key('Config'), 3);
    expect(new Set([first, second, ...allocated.map(({ id }) => id)]).size).toBe(5);
    const [keys] = await client.get(entities.map(({ key }) => key));
    expect(keys).toHaveLength(2);
  });

  it('tells the name 5 from the number 5', async () => {
    await client.save({ key: client.key(['Config', '5']), data: { by: 'name' } });
    await client.save({ key: client.key(['Config', 5]), data: { by: 'number' } });
    expect(await properties(client, client.key(['Config', '5']))).toEqual({ by: 'name' });
    expect(await properties(client, client.key(['Config', 5]))).toEqual({ by: 'number' });
  });

  it('keeps projects, namespaces and children apart', async () => {
    const paths = [
      ['Config', 'a'],
      ['Parent', 'p', 'Config', 'a'],
      ['Parent', 'p'],
    ];
    const keys = ['', 'other'].flatMap((namespace) => paths.map((path) => client.key({ namespace, path })));
    for (const [index, key] of keys.entries()) await client.save({ key, data: { index } });
    for (const [index, key] of keys.entries()) expect(await properties(client, key)).toEqual({ index });
    const elsewhere = openDatastore(running.host, 'elsewhere');
    expect(await properties(elsewhere.client, client.key(['Config', 'a']))).toBeUndefined();
    elsewhere.close();
    expect(await names(client.createQuery('other', 'Config'))).toEqual(['a', 'a']);
    const children = client.createQuery('Config').hasAncestor(client.key(['Parent', 'p']));
    expect(await names(children)).toEqual(['a']);
  });

  it('gives the entities of a kind in the order of their keys', async () => {
    await save('Config', 'e', 'ä', '\u{1F600}', '\uFFFD', 'Z', 'd', 10, 7);
    await save('Other', 'x');
    const ascending = ['7', '10', 'Z', 'd', 'e', 'ä', '\uFFFD', '\u{1F600}'];
    expect(await names(client.createQuery('Config'))).toEqual(ascending);
    expect(await names(client.createQuery('Config').order('__key__', { descending: true }))).toEqual(
      ascending.toReversed(),
    );
    expect(await names(client.createQuery('Config').offset(3).limit(2))).toEqual(['d', 'e']);
    expect(await names(client.createQuery('Config').limit(1).select('__key__'))).toEqual(['7']);
    expect(await names(client.createQuery('None'))).toEqual([]);
  });

  it('goes on at a cursor, and up to one', async () => {
    await save('Config', 'a', 'b', 'c', 'd');
    const [, { endCursor = '', moreResults }] = await client.runQuery(client.createQuery('Config').limit(2));
    expect(moreResults).toBe('MORE_RESULTS_AFTER_LIMIT');
    expect(await names(client.createQuery('Config').start(endCursor))).toEqual(['c', 'd']);
    expect(await names(client.createQuery('Config').end(endCursor))).toEqual(['a', 'b']);
    expect((await client.runQuery(client.createQuery('Config').start(endCursor)))[1].moreResults).toBe(
      'NO_MORE_RESULTS',
    );
  });

  it('gives more entities than fit into one answer', async () => {
    const many = Array.from({ length: 700 }, (_, index) => `n${String(index).padStart(3, '0')}`);
    await save('Config', ...many.slice(0, 350));
    await save('Config', ...many.slice(350));
    expect(await names(client.createQuery('Config'))).toEqual(many);
    expect(await names(client.createQuery('Config').offset(20).limit(650))).toEqual(many.slice(20, 670));
  });

  it('finds by value and type, in lists too, and nothing that is not indexed', async () => {
    await save('Config', 'a', 'b', 'c');
    const key = client.key(['Config', 'd']);
    await client.save({ key, data: { even: 'x', tags: ['s', 't'], hidden: 1 }, excludeFromIndexes: ['hidden'] });
    const where = (name: string, value: unknown): ReturnType<Datastore['createQuery']> =>
      client.createQuery('Config').filter(new PropertyFilter(name, '=', value as string));
    expect(await names(where('even', true))).toEqual(['a', 'c']);
    expect(await names(where('even', 'true'))).toEqual([]);
    expect(await names(where('tags', 't'))).toEqual(['d']);
    expect(await names(where('hidden', 1))).toEqual([]);
    expect(await names(where('none', null))).toEqual([]);
    const both = and([new PropertyFilter('even', '=', true), new PropertyFilter('name', '=', 'c')]);
    expect(await names(client.createQuery('Config').filter(both))).toEqual(['c']);
  });

  it.each<[string, Record<string, unknown>]>([
    ['text too long for an index', { text: 'x'.repeat(1501) }],
    ['such text in a map', { map: { text: 'x'.repeat(1501) } }],
    ['a reserved field', { __name__: 1 }],
  ])('refuses %s', async (_what, data) => {
    await expect(client.save({ key: client.key(['Config', 'a']), data })).rejects.toMatchObject({
      code: INVALID_ARGUMENT,
    });
  });

  it('keeps long text that is not indexed', async () => {
    const key = client.key(['Config', 'a']);
    const data = { text: 'x'.repeat(100_000) };
    await client.save({ key, data, excludeFromIndexes: ['text'] });
    expect(await properties(client, key)).toEqual(data);
  });

  it.each<[string, readonly string[]]>([
    ['a reserved kind', ['__Config__', 'a']],
    ['a reserved name', ['Config', '__a__']],
    ['a name too long', ['Config', 'n'.repeat(1501)]],
  ])('refuses %s', async (_what, path) => {
    const code = INVALID_ARGUMENT;
    await expect(client.save({ key: client.key([...path]), data: {} })).rejects.toMatchObject({ code });
  });

  it('refuses one entity twice in a commit that is no transaction', async () => {
    const key = client.key(['Config', 'a']);
    const save2 = client.save([1, 2].map((version) => ({ key, data: { version } })));
    await expect(save2).rejects.toMatchObject({ code: INVALID_ARGUMENT });
  });

  it('writes what a transaction has saved and deleted when it is committed, not before', async () => {
    await save('Config', 'a');
    const [a, b] = [client.key(['Config', 'a']), client.key(['Config', 'b'])];
    const transaction = await begin();
    transaction.save({ key: b, data: { version: 1 } });
    transaction.delete(a);
    expect(await properties(client, b)).toBeUndefined();
    await transaction.commit();
    expect(await properties(client, b)).toEqual({ version: 1 });
    expect(await properties(client, a)).toBeUndefined();
  });

  it('writes nothing of a transaction that is rolled back, and takes no commit of it any more', async () => {
    const key = client.key(['Config', 'a']);
    const transaction = await begin();
    transaction.save({ key, data: {} });
    await transaction.rollback();
    expect(await properties(client, key)).toBeUndefined();
    await expect(transaction.commit()).rejects.toThrow(/expired|invalid/);
  });

  it('writes all of a transaction or nothing', async () => {
    await save('Config', 'a');
    const transaction = await begin();
    transaction.save({ key: client.key(['Config', 'b']), data: {} });
    transaction.insert({ key: client.key(['Config', 'a']), data: {} });
    await expect(transaction.commit()).rejects.toMatchObject({ code: ALREADY_EXISTS });
    expect(await properties(client, client.key(['Config', 'b']))).toBeUndefined();
  });

  it('reads in a transaction', async () => {
    await save('Config', 'a');
    const transaction = await begin(true);
    expect(await properties(transaction, client.key(['Config', 'a']))).toEqual({ even: true, name: 'a' });
    const [entities] = await transaction.runQuery(client.createQuery('Config'));
    expect(entities).toHaveLength(1);
    await transaction.rollback();
  });

  async function begin(readOnly = false): Promise<Transaction> {
    const transaction = client.transaction({ readOnly });
    await transaction.run();
    return transaction;
  }
}

describe("Google's client and the local Datastore", () => {
  describeDatastore(startDatastoreServer);

  it('aborts a transaction when another has changed what it had read', async () => {
    const server = await startDatastoreServer();
    const { client, close } = openDatastore(server.host, 'project');
    const key = client.key(['Config', 'a']);
    const transaction = client.transaction();
    await transaction.run();
    await transaction.get(key);
    await client.save({ key, data: { by: 'another' } });
    transaction.save({ key, data: { by: 'transaction' } });
    await expect(transaction.commit()).rejects.toMatchObject({ code: 10 });
    expect(await properties(client, key)).toEqual({ by: 'another' });
    close();
    await server.close();
  });

  it('refuses what the local Datastore does not offer, instead of answering differently', async () => {
    const server = await startDatastoreServer();
    const { client, close } = openDatastore(server.host, 'project');
    const queries = [
      client.createQuery('Config').filter(new PropertyFilter('size', '>', 1)),
      client.createQuery('Config').order('size'),
      client.createQuery('Config').select('size'),
    ];
    for (const query of queries) await expect(client.runQuery(query)).rejects.toMatchObject({ code: 12 });
    close();
    await server.close();
  });
});

const { missing } = findEmulator('datastore');
describe.skipIf(missing !== undefined)(
  `Google's client and Google's emulator${missing === undefined ? '' : `: ${missing}`}`,
  () => {
    describeDatastore(() => startEmulator('datastore'));
  },
);
