import type { ObjectLister, ObjectReader, ObjectStater, ReadRequest } from '@object-transfer/core/ports/object-source';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HOSTILE_KEYS } from './object-source-keys.ts';

/** What a bucket's owner gives an object. */
export interface PutAttributes {
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  readonly contentLanguage?: string;
  readonly contentEncoding?: string;
  readonly storageClass?: string;
  readonly serverSideEncryption?: string;
  readonly userMetadata?: Readonly<Record<string, string>>;
  readonly missingMetadata?: number;
}

/** A bucket seen through an adapter, and filled behind its back. */
export interface SourceFixture {
  /** @returns the object's ETag without quotes */
  put(key: string, content: Uint8Array, attributes?: PutAttributes): string;
  close(): Promise<void>;
}

const never = new AbortController().signal;

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  // A piece of a streamed body is good only until the next one.
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What every {@link ObjectReader} must do. To be called inside a `describe`. */
export function objectReaderSuite(open: () => Promise<SourceFixture & { readonly reader: ObjectReader }>): void {
  describe('in one piece', () => {
    readingSuite(open, false);
  });
  describe('streamed', () => {
    readingSuite(open, true);
  });
}

function readingSuite(open: () => Promise<SourceFixture & { readonly reader: ObjectReader }>, streamed: boolean): void {
  let fixture: SourceFixture & { readonly reader: ObjectReader };
  beforeAll(async () => {
    fixture = await open();
  });
  afterAll(() => fixture.close());
  const read = (request: Omit<ReadRequest, 'signal'>) => fixture.reader.read({ ...request, streamed, signal: never });

  test.each(HOSTILE_KEYS)('reads %j byte for byte', async (key) => {
    const content = Buffer.from(`content of ${key}`);
    const etag = fixture.put(key, content);
    const answer = await read({ key });
    expect(await collect(answer.body)).toEqual(content);
    expect(answer).toMatchObject({ etag, weakEtag: false, bodyBytes: content.length, objectBytes: content.length });
  });

  test('reads an empty object', async () => {
    const etag = fixture.put('empty', Buffer.alloc(0));
    const answer = await read({ key: 'empty' });
    expect(await collect(answer.body)).toHaveLength(0);
    expect(answer).toMatchObject({ etag, bodyBytes: 0, objectBytes: 0 });
  });

  test('reads many megabytes without altering them', async () => {
    const content = Buffer.alloc(9_000_001, 'a9-');
    fixture.put('large', content);
    const answer = await read({ key: 'large' });
    expect((await collect(answer.body)).equals(content)).toBe(true);
  });

  test('carries headers and user metadata over as they were stored', async () => {
    fixture.put('properties', Buffer.from('x'), {
      contentType: 'text/x-thing; charset=utf-8',
      cacheControl: 'max-age=60',
      contentDisposition: 'attachment; filename="a b.txt"',
      contentLanguage: 'de',
      storageClass: 'STANDARD_IA',
      userMetadata: { owner: 'someone', city: 'Zürich 東京', empty: '' },
      missingMetadata: 2,
    });
    const answer = await read({ key: 'properties' });
    answer.cancel();
    expect(answer.properties).toEqual({
      contentType: 'text/x-thing; charset=utf-8',
      cacheControl: 'max-age=60',
      contentDisposition: 'attachment; filename="a b.txt"',
      contentLanguage: 'de',
      contentEncoding: undefined,
      metadata: { owner: 'someone', city: 'Zürich 東京', empty: '' },
    });
    expect(answer).toMatchObject({ missingMetadataCount: 2, storageClass: 'STANDARD_IA' });
    expect(answer.lastModified?.getTime()).toBeGreaterThan(0);
  });

  test('never decodes a body, and strips aws-chunked from its encoding', async () => {
    const bytes = Buffer.from('1f8b0800 not really gzip');
    fixture.put('encoded', bytes, { contentEncoding: 'aws-chunked,gzip' });
    const answer = await read({ key: 'encoded' });
    expect(answer.properties.contentEncoding).toBe('gzip');
    expect(await collect(answer.body)).toEqual(bytes);
  });

  test('says that the ETag of an object encrypted by KMS is no MD5', async () => {
    fixture.put('kms', Buffer.from('x'), { serverSideEncryption: 'aws:kms' });
    fixture.put('sse', Buffer.from('x'), { serverSideEncryption: 'AES256' });
    for (const [key, expected] of [
      ['kms', false],
      ['sse', true],
    ] as const) {
      const answer = await read({ key });
      answer.cancel();
      expect(answer.etagMayBeMd5).toBe(expected);
    }
  });

  test('reads a range, and knows the size of the whole', async () => {
    const etag = fixture.put('range', Buffer.from('0123456789'));
    const answer = await read({ key: 'range', range: { start: 3, end: 6 }, ifMatch: etag });
    expect((await collect(answer.body)).toString()).toBe('3456');
    expect(answer).toMatchObject({ bodyBytes: 4, objectBytes: 10, etag });
  });

  test('reads past a cache when asked', async () => {
    const etag = fixture.put('bypass', Buffer.from('fresh'));
    const answer = await read({ key: 'bypass', bypassCache: true });
    expect((await collect(answer.body)).toString()).toBe('fresh');
    expect(answer.etag).toBe(etag);
  });

  test('refuses a version that is not the one wanted', async () => {
    fixture.put('changed', Buffer.from('now'));
    await expect(read({ key: 'changed', ifMatch: '0'.repeat(32) })).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      httpStatus: 412,
    });
  });

  test('says when a range lies outside the object', async () => {
    fixture.put('short', Buffer.from('abc'));
    await expect(read({ key: 'short', range: { start: 10, end: 19 } })).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      httpStatus: 416,
    });
    await expect(read({ key: 'short', range: { start: 1, end: 19 } })).rejects.toMatchObject({
      code: 'SOURCE_RANGE_NOT_HONOURED',
    });
  });

  test('says that an object is missing', async () => {
    await expect(read({ key: 'never put' })).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      op: 'GetObject',
      retryable: false,
      source: expect.stringContaining('never') as string,
    });
  });

  test('says that an object is archived', async () => {
    fixture.put('frozen', Buffer.from('ice'), { storageClass: 'DEEP_ARCHIVE' });
    await expect(read({ key: 'frozen' })).rejects.toMatchObject({ code: 'SOURCE_ARCHIVED', retryable: false });
  });

  test('leaves a body that is cancelled or left early', async () => {
    fixture.put('unread', Buffer.alloc(3_000_000, 'u'));
    (await read({ key: 'unread' })).cancel();
    const answer = await read({ key: 'unread' });
    for await (const chunk of answer.body) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    const again = await read({ key: 'unread' });
    expect(await collect(again.body)).toHaveLength(3_000_000);
  });

  test('ends with the reason of the abort', async () => {
    fixture.put('aborted', Buffer.from('x'));
    const reason = new Error('enough');
    await expect(fixture.reader.read({ key: 'aborted', streamed, signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });
}

/** What listing and asking for single objects must do. To be called inside a `describe`. */
export function objectListingSuite(
  open: () => Promise<SourceFixture & { readonly lister: ObjectLister; readonly stater: ObjectStater }>,
): void {
  let fixture: Awaited<ReturnType<typeof open>>;
  beforeAll(async () => {
    fixture = await open();
  });
  afterAll(() => fixture.close());

  async function list(prefix: string, delimiter?: '/') {
    const keys: string[] = [];
    const prefixes: string[] = [];
    let pages = 0;
    for await (const page of fixture.lister.listObjects({ prefix, delimiter, signal: never })) {
      pages++;
      keys.push(...page.objects.map((object) => object.key));
      prefixes.push(...page.commonPrefixes);
    }
    return { keys, prefixes, pages };
  }

  test('lists every key byte for byte, in the order of the bytes', async () => {
    for (const key of HOSTILE_KEYS) fixture.put(`hostile/${key}`.slice(0, 1024), Buffer.from('x'));
    const expected = HOSTILE_KEYS.map((key) => `hostile/${key}`.slice(0, 1024)).toSorted(byBytes);
    expect((await list('hostile/')).keys).toEqual(expected);
  });

  test('lists what a listing says of an object', async () => {
    const etag = fixture.put('one/object', Buffer.from('12345'), { storageClass: 'GLACIER_IR' });
    for await (const { objects } of fixture.lister.listObjects({ prefix: 'one/', signal: never })) {
      expect(objects).toEqual([
        { key: 'one/object', sizeBytes: 5, etag, storageClass: 'GLACIER_IR', lastModified: expect.any(Date) as Date },
      ]);
    }
  });

  test('walks through all pages', async () => {
    const keys = Array.from({ length: 2500 }, (_, i) => `pages/${String(i).padStart(5, '0')} +%/é`);
    for (const key of keys) fixture.put(key, Buffer.alloc(0));
    const listed = await list('pages/');
    expect(listed.keys).toEqual(keys);
    expect(listed.pages).toBeGreaterThan(2);
  });

  test('sums up what lies below the delimiter', async () => {
    for (const key of ['tree/a', 'tree/b+ %/1', 'tree/b+ %/2', 'tree/é/3', 'tree/z']) fixture.put(key, Buffer.alloc(0));
    expect(await list('tree/', '/')).toMatchObject({ keys: ['tree/a', 'tree/z'], prefixes: ['tree/b+ %/', 'tree/é/'] });
  });

  test('lists nothing below a prefix that has nothing', async () => {
    expect(await list('nothing here/')).toMatchObject({ keys: [], prefixes: [] });
  });

  test('stops when the consumer leaves', async () => {
    for await (const page of fixture.lister.listObjects({ prefix: 'pages/', signal: never })) {
      expect(page.objects.length).toBeGreaterThan(0);
      break;
    }
    expect((await list('one/')).keys).toEqual(['one/object']);
  });

  test.each(HOSTILE_KEYS)('tells what is under %j', async (key) => {
    const etag = fixture.put(key, Buffer.from('1234'));
    expect(await fixture.stater.stat(key, never)).toMatchObject({ key, sizeBytes: 4, etag, storageClass: 'STANDARD' });
  });

  test('tells that there is no such object', async () => {
    expect(await fixture.stater.stat('never put', never)).toBeUndefined();
  });
}
