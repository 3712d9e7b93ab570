import { Storage, type Bucket, type File, type GetFilesOptions } from '@google-cloud/storage';
import { startGcsServer, type GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

const BUCKET = 'rehearsal';
const HOSTILE_NAMES = [
  'a/../b',
  '../../x',
  'a//b/',
  '/',
  ' ',
  'a?b#c&d=e',
  '100%',
  '%2F',
  "it's (a) *name*!",
  'naïve/日本/😀',
  '~',
];

let server: GcsServer;

beforeAll(async () => {
  server = await startGcsServer();
});
afterAll(() => server.close());

/** The two ways of pointing the client at a server; it sends other paths in each. */
describe.each(['apiEndpoint', 'STORAGE_EMULATOR_HOST'])('@google-cloud/storage by %s', (way) => {
  let bucket: Bucket;

  beforeAll(async () => {
    if (way === 'STORAGE_EMULATOR_HOST') process.env.STORAGE_EMULATOR_HOST = server.url;
    const storage = new Storage({ projectId: 'p', ...(way === 'apiEndpoint' ? { apiEndpoint: server.url } : {}) });
    delete process.env.STORAGE_EMULATOR_HOST;
    const name = `${BUCKET}-${way.toLowerCase()}`;
    await storage.createBucket(name);
    bucket = storage.bucket(name);
  });
  afterEach(async () => {
    await bucket.deleteFiles({ force: true });
  });

  it('finds the bucket', async () => {
    expect(await bucket.exists()).toEqual([true]);
    expect(await bucket.storage.bucket('elsewhere').exists()).toEqual([false]);
    const [metadata] = await bucket.getMetadata();
    expect(metadata).toMatchObject({ name: bucket.name, storageClass: 'STANDARD', location: 'US' });
    const [buckets] = await bucket.storage.getBuckets();
    expect(buckets.map(({ name }) => name)).toContain(bucket.name);
  });

  it.each([
    ['in one request', { resumable: false }],
    ['resumably in one PUT', { resumable: true }],
    ['resumably in chunks', { resumable: true, chunkSize: 256 * 1024 }],
  ])('uploads and downloads %s, validating checksums', async (_how, how) => {
    const bytes = Buffer.alloc(700_000, '0123456789abcdef!');
    const file = bucket.file('a/b c');
    const metadata = { contentType: 'text/x', cacheControl: 'no-store', metadata: { k: 'v' } };
    await file.save(bytes, { ...how, validation: 'md5', metadata });
    expect((await file.getMetadata())[0]).toMatchObject({ ...metadata, size: '700000', metageneration: '1' });
    expect(await file.download({ validation: 'crc32c' })).toEqual([bytes]);
    expect(await file.download({ start: 10, end: 19 })).toEqual([bytes.subarray(10, 20)]);
    expect(server.stats.uploads(bucket.name).get('a/b c')).toBeGreaterThan(0);
  });

  it.each([
    ['in one request', { resumable: false }],
    ['resumably', { resumable: true }],
    ['resumably in chunks', { resumable: true, chunkSize: 256 * 1024 }],
  ])('uploads an empty object %s', async (_how, how) => {
    await bucket.file('empty').save('', how);
    expect(await bucket.file('empty').download()).toEqual([Buffer.alloc(0)]);
  });

  it('packs text on the way in and unpacks it on the way out', async () => {
    await bucket.file('packed').save('text '.repeat(1_000), { gzip: true, resumable: false });
    expect((await bucket.file('packed').getMetadata())[0].contentEncoding).toBe('gzip');
    expect(String(await bucket.file('packed').download())).toBe('text '.repeat(1_000));
  });

  it.each(HOSTILE_NAMES)('writes, lists, reads and deletes %j', async (name) => {
    const file = bucket.file(name);
    await file.save(name, { resumable: false });
    expect((await bucket.getFiles())[0].map((found) => found.name)).toEqual([name]);
    expect(String(await file.download())).toBe(name);
    await file.delete();
    expect(await file.exists()).toEqual([false]);
  });

  it('obeys preconditions', async () => {
    const create = () => bucket.file('x').save('x', { resumable: false, preconditionOpts: { ifGenerationMatch: 0 } });
    await create();
    await expect(create()).rejects.toMatchObject({ code: 412, errors: [{ reason: 'conditionNotMet' }] });
    const file = bucket.file('x');
    await expect(file.delete({ ifGenerationMatch: 1 })).rejects.toMatchObject({ code: 412 });
    const [{ generation }] = await file.getMetadata();
    await expect(bucket.file('x', { generation: 1 }).getMetadata()).rejects.toMatchObject({ code: 404 });
    await file.delete({ ifGenerationMatch: Number(generation) });
  });

  it('patches metadata', async () => {
    const file = bucket.file('x');
    await file.save('x', { resumable: false, metadata: { contentType: 'a/b', metadata: { a: '1' } } });
    const [patched] = await file.setMetadata({ contentLanguage: 'de', metadata: { a: null, b: '2' } });
    expect(patched).toMatchObject({
      contentType: 'a/b',
      contentLanguage: 'de',
      metadata: { b: '2' },
      metageneration: '2',
    });
  });

  it('lists page by page and by folder', async () => {
    for (const name of ['a/1', 'a/2', 'b/1', 'c']) await bucket.file(name).save('', { resumable: false });
    const names: string[] = [];
    let query: GetFilesOptions | null | undefined = { maxResults: 1, autoPaginate: false };
    while (query) {
      const [files, next]: [File[], (GetFilesOptions | null)?, unknown?] = await bucket.getFiles(query);
      expect(files).toHaveLength(1);
      names.push(...files.map(({ name }) => name));
      query = next;
    }
    expect(names).toEqual(['a/1', 'a/2', 'b/1', 'c']);
    const [top, , answer] = await bucket.getFiles({ delimiter: '/', autoPaginate: false });
    expect(top.map(({ name }) => name)).toEqual(['c']);
    expect(answer).toMatchObject({ prefixes: ['a/', 'b/'] });
  });

  it('composes, copies and moves', async () => {
    for (const name of ['1', '2']) await bucket.file(name).save(`part ${name};`, { resumable: false });
    await bucket.combine(['1', '2'], 'whole');
    expect(String(await bucket.file('whole').download())).toBe('part 1;part 2;');
    expect((await bucket.file('whole').getMetadata())[0]).toMatchObject({ componentCount: 2 });
    await bucket.file('whole').copy(bucket.file('copy'));
    await bucket.file('copy').rename('renamed');
    expect((await bucket.getFiles())[0].map(({ name }) => name)).toEqual(['1', '2', 'renamed', 'whole']);
    expect(String(await bucket.file('renamed').download())).toBe('part 1;part 2;');
  });
});
