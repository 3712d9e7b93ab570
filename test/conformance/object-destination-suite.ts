import { createHash } from 'node:crypto';
import { crc32c } from '@node-rs/crc32';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyingSuite } from './object-destination-copying.ts';
import { never, writeRequest, type DestinationFixture } from './object-destination-fixture.ts';
import { uploadsSuite } from './object-destination-uploads.ts';
import { HOSTILE_KEYS } from './object-source-keys.ts';

/** Names that GCS accepts: the source's hostile ones but for `..`, which it forbids. */
const NAMES = HOSTILE_KEYS.filter((key) => key !== '..');

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

  copyingSuite(() => fixture);
  uploadsSuite(() => fixture);

  async function list(prefix: string, more: { delimiter?: '/'; startOffset?: string; endOffset?: string } = {}) {
    const names: string[] = [];
    const prefixes: string[] = [];
    for await (const page of destination.listObjects({ prefix, pageSize: 2, signal: never, ...more })) {
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

  test('gives the storage class of the bucket to an object that names none', async () => {
    await destination.write(writeRequest('class of the bucket', Buffer.from('x')));
    expect(await fixture.keptObject('class of the bucket')).toMatchObject({
      storageClass: fixture.defaultStorageClass,
    });
  });

  test('updates the properties given beside what is there, unless the object has been replaced', async () => {
    const before = { contentType: 'text/plain', contentLanguage: 'de', metadata: { owner: 'someone', city: 'Bern' } };
    const content = Buffer.from('x');
    const written = await destination.write(
      writeRequest('proven', content, { properties: before, storageClass: 'COLDLINE' }),
    );
    const properties = {
      contentType: 'text/html',
      cacheControl: 'max-age=5',
      contentDisposition: 'inline',
      contentEncoding: 'gzip',
      metadata: { 'x-goog-source-etag': 'etag-9', city: 'Zürich' },
    };
    await destination.updateProperties('proven', written.generation, properties, never);
    expect(await destination.stat('proven', never)).toEqual({ ...written, sourceEtag: 'etag-9' });
    const expected = {
      ...properties,
      bytes: content,
      contentLanguage: 'de',
      storageClass: 'COLDLINE',
      metadata: { owner: 'someone', 'x-goog-source-etag': 'etag-9', city: 'Zürich' },
    };
    expect(await fixture.keptObject('proven')).toEqual(expected);

    await expect(
      destination.updateProperties('proven', '1', { contentType: 'no/no', metadata: { no: 'no' } }, never),
    ).rejects.toMatchObject({ code: 'DESTINATION_PRECONDITION_FAILED' });
    await destination.updateProperties('proven', written.generation, { metadata: {} }, never);
    expect(await fixture.keptObject('proven')).toEqual(expected);
    await expect(
      destination.updateProperties('proven', written.generation, { metadata: { long: 'x'.repeat(8189) } }, never),
    ).rejects.toMatchObject({ code: 'DESTINATION_METADATA_TOO_LARGE' });
  });

  test('deletes the generation named or what is live, and is content where neither is', async () => {
    const old = await destination.write(writeRequest('doomed', Buffer.from('old')));
    const live = await destination.write(
      writeRequest('doomed', Buffer.from('new'), { ifGenerationMatch: old.generation }),
    );
    await destination.delete('doomed', old.generation, never);
    expect(await destination.stat('doomed', never)).toEqual(live);
    await destination.delete('doomed', live.generation, never);
    expect(await destination.stat('doomed', never)).toBeUndefined();
    await destination.delete('doomed', live.generation, never);
    await destination.delete('doomed', undefined, never);
    await destination.write(writeRequest('doomed', Buffer.from('again')));
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
    await expect(fixture.missing.delete('x', '1', never)).rejects.toMatchObject(missing);
    const part = { name: 'x', generation: '1' };
    const properties = { metadata: {} };
    await expect(
      fixture.missing.compose({ name: 'y', parts: [part], storageClass: 'STANDARD', signal: never }),
    ).rejects.toMatchObject(missing);
    await expect(
      fixture.missing.rewrite({ source: part, name: 'y', properties, ifGenerationMatch: '0', signal: never }),
    ).rejects.toMatchObject(missing);
    await expect(fixture.missing.updateProperties('x', '1', properties, never)).rejects.toMatchObject(missing);
  });

  test('ends with the reason of the abort', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(destination.write(writeRequest('x', Buffer.from('x'), { signal }))).rejects.toBe(reason);
    await expect(destination.stat('x', signal)).rejects.toBe(reason);
  });
}
