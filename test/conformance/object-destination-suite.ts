import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import type { ObjectDestination, WriteRequest } from '@object-transfer/core/ports/object-destination';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HOSTILE_KEYS } from './object-source-keys.ts';

/** What is behind the destination's back. */
interface KeptObject {
  readonly bytes: Buffer;
  readonly contentType: string | undefined;
  readonly cacheControl: string | undefined;
  readonly contentDisposition: string | undefined;
  readonly contentLanguage: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly storageClass: string | undefined;
  readonly metadata: Readonly<Record<string, string>> | undefined;
}

export interface DestinationFixture {
  readonly destination: ObjectDestination;
  /** The same service, and a bucket that does not exist. */
  readonly missing: ObjectDestination;
  keptObject(name: string): Promise<KeptObject | undefined>;
  close(): Promise<void>;
}

const never = new AbortController().signal;

/** Names that GCS accepts: the source's hostile ones but for `..`, which it forbids. */
const NAMES = HOSTILE_KEYS.filter((key) => key !== '..');

function writeRequest(name: string, content: Buffer, more: Partial<WriteRequest> = {}): WriteRequest {
  return {
    name,
    content: [content],
    sizeBytes: content.length,
    properties: { metadata: {} },
    crc32c: crc32c(content),
    ifGenerationMatch: '0',
    signal: never,
    ...more,
  };
}

function md5(content: Buffer): string {
  return createHash('md5').update(content).digest('hex');
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** What every {@link ObjectDestination} must do. To be called inside a `describe`. */
export function objectDestinationSuite(open: () => Promise<DestinationFixture>): void {
  let fixture: DestinationFixture;
  let destination: ObjectDestination;
  beforeAll(async () => {
    fixture = await open();
    destination = fixture.destination;
  });
  afterAll(() => fixture.close());

  async function list(prefix: string, more: { delimiter?: '/'; startOffset?: string; endOffset?: string } = {}) {
    const names: string[] = [];
    const prefixes: string[] = [];
    for await (const page of destination.listObjects({ prefix, pageSize: 7, signal: never, ...more })) {
      names.push(...page.objects.map((object) => object.name));
      prefixes.push(...page.commonPrefixes);
    }
    return { names, prefixes };
  }

  test('finds its bucket, and says when there is none', async () => {
    await destination.checkBucket(never);
    await expect(fixture.missing.checkBucket(never)).rejects.toMatchObject({ code: 'CONFIG_BUCKET_MISSING' });
  });

  test.each(NAMES)('writes, finds and deletes %j byte for byte', async (name) => {
    const content = Buffer.from(`content of ${name}`);
    const written = await destination.write(writeRequest(name, content, { md5: md5(content) }));
    expect(written).toMatchObject({ name, sizeBytes: content.length, crc32c: crc32c(content), md5: md5(content) });
    expect((await fixture.keptObject(name))?.bytes).toEqual(content);
    expect(await destination.stat(name, never)).toEqual(written);
    await destination.delete(name, written.generation, never);
    expect(await destination.stat(name, never)).toBeUndefined();
  });

  test('lists every name byte for byte, in the order of the bytes', async () => {
    const names = NAMES.map((name) => `hostile/${name}`).filter((name) => Buffer.byteLength(name) <= 1024);
    for (const name of names) await destination.write(writeRequest(name, Buffer.from('x')));
    expect((await list('hostile/')).names).toEqual(names.toSorted(byBytes));
  });

  test('writes an empty object', async () => {
    const written = await destination.write(writeRequest('empty', Buffer.alloc(0)));
    expect(written).toMatchObject({ sizeBytes: 0, crc32c: 0 });
  });

  test('writes many megabytes that come in pieces', async () => {
    const content = Buffer.alloc(5_000_003, 'd7.');
    const pieces = [content.subarray(0, 1), content.subarray(1, 3_000_000), content.subarray(3_000_000)];
    await destination.write(writeRequest('large', content, { content: pieces }));
    expect((await fixture.keptObject('large'))?.bytes.equals(content)).toBe(true);
  });

  test('keeps headers, metadata and storage class, and reports the kept source ETag', async () => {
    const metadata = { 'x-goog-source-etag': 'abc-2', city: 'Zürich 東京', empty: '' };
    const properties = {
      contentType: 'text/x-thing; charset=utf-8',
      cacheControl: 'max-age=60',
      contentDisposition: 'attachment; filename="ä b.txt"',
      contentLanguage: 'de',
      contentEncoding: 'gzip',
      metadata,
    };
    const content = Buffer.from('not really gzip');
    const written = await destination.write(
      writeRequest('properties', content, { properties, storageClass: 'NEARLINE' }),
    );
    expect(written.sourceEtag).toBe('abc-2');
    expect(await fixture.keptObject('properties')).toEqual({ bytes: content, storageClass: 'NEARLINE', ...properties });
  });

  test('creates only where the name is free, and overwrites only the generation named', async () => {
    const first = await destination.write(writeRequest('guarded', Buffer.from('first')));
    const second = Buffer.from('second');
    const failed = { code: 'DESTINATION_PRECONDITION_FAILED', httpStatus: 412, retryable: false };
    await expect(destination.write(writeRequest('guarded', second))).rejects.toMatchObject(failed);
    await expect(destination.write(writeRequest('guarded', second, { ifGenerationMatch: '1' }))).rejects.toMatchObject(
      failed,
    );
    await destination.write(writeRequest('guarded', second, { ifGenerationMatch: first.generation }));
    await destination.write(writeRequest('guarded', Buffer.from('third'), { ifGenerationMatch: undefined }));
    expect((await fixture.keptObject('guarded'))?.bytes.toString()).toBe('third');
  });

  test('leaves nothing behind where the CRC32C or the MD5 is another', async () => {
    const content = Buffer.from('content');
    await expect(destination.write(writeRequest('crc', content, { crc32c: 1 }))).rejects.toMatchObject({
      code: 'DESTINATION_CHECKSUM_REJECTED',
      retryable: true,
      message: expect.stringContaining('CRC32C') as string,
    });
    await expect(
      destination.write(writeRequest('md5', content, { md5: md5(Buffer.from('other')) })),
    ).rejects.toMatchObject({
      code: 'DESTINATION_CHECKSUM_REJECTED',
      message: expect.stringContaining('MD5') as string,
    });
    expect(await destination.stat('crc', never)).toBeUndefined();
    expect(await destination.stat('md5', never)).toBeUndefined();
  });

  test('refuses more metadata than GCS takes', async () => {
    const properties = { metadata: { long: 'x'.repeat(8189) } };
    await expect(destination.write(writeRequest('heavy', Buffer.from('x'), { properties }))).rejects.toMatchObject({
      code: 'DESTINATION_METADATA_TOO_LARGE',
      retryable: false,
    });
    await destination.write(
      writeRequest('heavy', Buffer.from('x'), { properties: { metadata: { long: 'x'.repeat(8188) } } }),
    );
  });

  test('composes parts in order, with the properties of the whole', async () => {
    const contents = ['one ', 'two ', 'three'].map((text) => Buffer.from(text));
    const parts = await Promise.all(contents.map((part, i) => destination.write(writeRequest(`parts/${i}`, part))));
    const whole = Buffer.concat(contents);
    const composed = await destination.compose({
      name: 'composed/é +%',
      parts,
      properties: { contentType: 'text/plain', metadata: { 'x-goog-source-etag': 'e-3' } },
      storageClass: 'STANDARD',
      ifGenerationMatch: '0',
      signal: never,
    });
    expect(composed).toMatchObject({ crc32c: crc32c(whole), md5: undefined, sourceEtag: 'e-3' });
    const kept = await fixture.keptObject('composed/é +%');
    expect(kept).toMatchObject({ bytes: whole, contentType: 'text/plain' });
  });

  test('does not compose from a part that has been replaced', async () => {
    const part = await destination.write(writeRequest('part', Buffer.from('old')));
    await destination.write(writeRequest('part', Buffer.from('new'), { ifGenerationMatch: part.generation }));
    const request = { name: 'whole', parts: [part], properties: { metadata: {} }, ifGenerationMatch: '0' };
    await expect(destination.compose({ ...request, signal: never })).rejects.toMatchObject({ retryable: false });
    expect(await destination.stat('whole', never)).toBeUndefined();
  });

  test('records the source ETag beside what is there, unless the object has been replaced', async () => {
    const properties = { contentType: 'text/plain', metadata: { owner: 'someone' } };
    const written = await destination.write(writeRequest('proven', Buffer.from('x'), { properties }));
    await destination.recordSourceEtag('proven', 'etag-9', written.generation, never);
    expect(await destination.stat('proven', never)).toEqual({ ...written, sourceEtag: 'etag-9' });
    expect(await fixture.keptObject('proven')).toMatchObject({
      contentType: 'text/plain',
      metadata: { owner: 'someone', 'x-goog-source-etag': 'etag-9' },
    });
    await expect(destination.recordSourceEtag('proven', 'etag-10', '1', never)).rejects.toMatchObject({
      code: 'DESTINATION_PRECONDITION_FAILED',
    });
  });

  test('deletes what is there, and is content where nothing is', async () => {
    const written = await destination.write(writeRequest('doomed', Buffer.from('x')));
    await expect(destination.delete('doomed', '1', never)).rejects.toMatchObject({
      code: 'DESTINATION_PRECONDITION_FAILED',
    });
    await destination.delete('doomed', written.generation, never);
    await destination.delete('doomed', undefined, never);
    expect(await destination.stat('doomed', never)).toBeUndefined();
  });

  test('walks through all pages, between two names', async () => {
    const names = Array.from({ length: 30 }, (_, i) => `pages/${String(i).padStart(3, '0')}`);
    for (const name of names) await destination.write(writeRequest(name, Buffer.alloc(0)));
    expect((await list('pages/')).names).toEqual(names);
    const between = await list('pages/', { startOffset: 'pages/003', endOffset: 'pages/027' });
    expect(between.names).toEqual(names.slice(3, 27));
  });

  test('sums up what lies below the delimiter', async () => {
    for (const name of ['tree/a', 'tree/b+ %/1', 'tree/b+ %/2', 'tree/é/3', 'tree/z']) {
      await destination.write(writeRequest(name, Buffer.alloc(0)));
    }
    expect(await list('tree/', { delimiter: '/' })).toEqual({
      names: ['tree/a', 'tree/z'],
      prefixes: ['tree/b+ %/', 'tree/é/'],
    });
  });

  test('is an error, not emptiness, where the bucket is missing', async () => {
    const missing = { code: 'DESTINATION_NOT_FOUND', retryable: false };
    const pages = fixture.missing.listObjects({ prefix: '', signal: never })[Symbol.asyncIterator]();
    await expect(pages.next()).rejects.toMatchObject(missing);
    await expect(fixture.missing.stat('x', never)).rejects.toMatchObject(missing);
    await expect(fixture.missing.write(writeRequest('x', Buffer.from('x')))).rejects.toMatchObject(missing);
    await expect(fixture.missing.delete('x', undefined, never)).rejects.toMatchObject(missing);
  });

  test('ends with the reason of the abort', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(destination.write(writeRequest('x', Buffer.from('x'), { signal }))).rejects.toBe(reason);
    await expect(destination.stat('x', signal)).rejects.toBe(reason);
  });
}
