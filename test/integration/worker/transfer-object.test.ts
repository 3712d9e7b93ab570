import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { transferObject } from '@object-transfer/worker/cdn-transfer/transfer-object';
import { Clouds, DESTINATION_BUCKET, firstTimes, isGet, never } from '../../fixtures/clouds.ts';
import { failedWith, transferOne, transferred } from './transfer-one.ts';

let clouds: Clouds;
beforeAll(async () => {
  clouds = await Clouds.start();
});
afterAll(() => clouds.close());
afterEach(() => clouds.heal());

function md5(body: string | Buffer): string {
  return createHash('md5').update(body).digest('hex');
}

function transfer(
  request: Parameters<typeof transferOne>[1],
  overrides?: Parameters<typeof transferOne>[2],
  found?: Parameters<typeof transferOne>[3],
): ReturnType<typeof transferOne> {
  return transferOne(clouds, request, overrides, found);
}

async function bytesAt(name: string): Promise<string | undefined> {
  return (await clouds.arrived(name))?.bytes.toString();
}

async function cacheOldCopy(key: string): Promise<void> {
  clouds.put(key, 'old content');
  await fetch(`${clouds.cdn.url}/${key}`, { headers: { 'accept-encoding': 'identity' } }).then((response) =>
    response.arrayBuffer(),
  );
}

function nearlineForInfrequent(s3StorageClass: string): string {
  return s3StorageClass === 'STANDARD_IA' ? 'NEARLINE' : 'STANDARD';
}

describe('an object', () => {
  test('arrives through the CDN, byte for byte', async () => {
    const key = "plain/a b+c!'()*#?%&é😀.bin";
    const body = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 251));
    const expected = clouds.put(key, body);
    expect(await transfer({ key, expected })).toEqual(transferred(70_000));
    expect((await clouds.arrived(key))?.bytes.equals(body)).toBe(true);
  });

  test('is looked up in S3 where the message says nothing but its key', async () => {
    clouds.put('unlisted', 'abc');
    expect(await transfer({ key: 'unlisted' })).toEqual(transferred(3));
    expect(await bytesAt('unlisted')).toBe('abc');
  });

  test('of no bytes is an object too', async () => {
    const expected = clouds.put('empty', '');
    expect(await transfer({ key: 'empty', expected })).toEqual(transferred(0));
    expect((await clouds.arrived('empty'))?.bytes).toHaveLength(0);
    const folder = clouds.put('folder/', '');
    expect(await transfer({ key: 'folder/', expected: folder })).toEqual(transferred(0));
    expect(await bytesAt('folder/')).toBe('');
  });

  test('gets the name that the roots say, whatever the CDN calls it', async () => {
    const expected = clouds.put('root/root/x', 'abc');
    const mapping = { s3RootPrefix: 'root/', gcsRootPrefix: 'mirror/' };
    expect(await transfer({ key: 'root/root/x', expected }, { mapping })).toEqual(transferred(3));
    expect(await bytesAt('mirror/root/x')).toBe('abc');
  });

  test('keeps its headers and all of its metadata, and says where it came from', async () => {
    const body = gzipSync('hello '.repeat(1000));
    const modified = Date.UTC(2020, 1, 3, 4, 5, 6);
    const expected = clouds.put('headers.txt', body, {
      lastModifiedMs: modified,
      attributes: {
        contentType: 'text/plain; charset=utf-8',
        cacheControl: 'max-age=60',
        contentDisposition: 'attachment; filename="x y.txt"',
        contentLanguage: 'de-CH',
        contentEncoding: 'gzip',
        storageClass: 'STANDARD_IA',
        userMetadata: { author: 'Zoë 😀', empty: '', 'x-y': '1' },
      },
    });
    const outcome = await transfer({ key: 'headers.txt', expected }, { storageClassFor: nearlineForInfrequent });
    expect(outcome).toEqual(transferred(body.length));
    const arrived = await clouds.arrived('headers.txt');
    expect(arrived?.bytes.equals(body)).toBe(true);
    expect(arrived?.resource).toMatchObject({
      contentType: 'text/plain; charset=utf-8',
      cacheControl: 'max-age=60',
      contentDisposition: 'attachment; filename="x y.txt"',
      contentLanguage: 'de-CH',
      contentEncoding: 'gzip',
      storageClass: 'NEARLINE',
      metadata: {
        author: 'Zoë 😀',
        'x-y': '1',
        'x-goog-source-etag': md5(body),
        'goog-reserved-file-mtime': String(modified / 1000),
      },
    });
  });

  test('keeps a modification time that the user had put there', async () => {
    const expected = clouds.put('mtime', 'x', { attributes: { userMetadata: { 'goog-reserved-file-mtime': '7' } } });
    await transfer({ key: 'mtime', expected });
    expect((await clouds.arrived('mtime'))?.resource.metadata).toMatchObject({ 'goog-reserved-file-mtime': '7' });
  });

  test.each([
    ['of a multipart upload', `${md5('abc')}-2`, {}],
    ['under KMS', md5('something else'), { serverSideEncryption: 'aws:kms' }],
  ])('%s is verified without its ETag being an MD5', async (_kind, etag, attributes) => {
    const expected = clouds.put(`etag/${etag}`, 'abc', { etag, attributes });
    expect(await transfer({ key: expected.key, expected })).toEqual(transferred(3));
    expect((await clouds.arrived(expected.key))?.resource.metadata).toMatchObject({ 'x-goog-source-etag': etag });
  });

  test('tells how much metadata S3 could not carry', async () => {
    const expected = clouds.put('missing-meta', 'x', { attributes: { missingMetadata: 2 } });
    expect(await transfer({ key: 'missing-meta', expected })).toEqual(transferred(1, { missingMetadataCount: 2 }));
  });
});

describe('a copy that is not what was listed', () => {
  test('is got past: the CDN is asked around its cache', async () => {
    await cacheOldCopy('stale');
    const expected = clouds.put('stale', 'new');
    expect(await transfer({ key: 'stale', expected })).toEqual(transferred(3, { route: 'cdn-past-cache' }));
    expect(await bytesAt('stale')).toBe('new');
  });

  test('is read from S3 itself where the cache cannot be got past', async () => {
    const expected = clouds.put('stuck', 'new');
    clouds.break('cdn', (_request, response) => {
      response.writeHead(200, { etag: `"${md5('old content')}"`, 'content-length': '3' }).end('old');
      return true;
    });
    expect(await transfer({ key: 'stuck', expected })).toEqual(transferred(3, { route: 's3' }));
    expect(await bytesAt('stuck')).toBe('new');
  });

  test.each<[string, string, Record<string, string>]>([
    ['SOURCE_STALE_COPY', 'another ETag', { etag: `"${md5('old')}"`, 'content-length': '3' }],
    ['SOURCE_TRANSFORMED_COPY', 'a weak ETag', { etag: `W/"${md5('new')}"`, 'content-length': '3' }],
    ['SOURCE_TRANSFORMED_COPY', 'no ETag', { 'content-length': '3' }],
    ['SOURCE_SIZE_MISMATCH', 'another length', { etag: `"${md5('new')}"`, 'content-length': '2' }],
  ])('fails with %s for %s where S3 must not be read, and leaves nothing behind', async (code, name, headers) => {
    const key = `refused/${name}`;
    const expected = clouds.put(key, 'new');
    const pastCache: boolean[] = [];
    clouds.break('cdn', (request, response) => {
      pastCache.push(request.url?.includes('object-transfer-bypass') === true);
      response.writeHead(200, headers).end('old'.slice(0, Number(headers['content-length'])));
      return true;
    });
    expect(await transfer({ key, expected }, { direct: undefined })).toEqual(failedWith(code));
    expect(await clouds.arrived(key)).toBeUndefined();
    expect(pastCache).toEqual([false, true, true, true, true, true]);
  });

  test.each<[string, Record<string, string>]>([
    ['a weak ETag', { etag: `W/"${md5('abc')}"`, 'content-length': '3' }],
    ['no ETag', { 'content-length': '3' }],
    ['another length', { etag: `"${md5('abc')}"`, 'content-length': '2' }],
  ])('is known by %s', async (name, headers) => {
    const key = `doubt/${name}`;
    const expected = clouds.put(key, 'abc');
    clouds.break(
      'cdn',
      firstTimes(
        1,
        ({ url }) => url?.includes('object-transfer-bypass') === false,
        (response) => {
          response.writeHead(200, headers).end('abc'.slice(0, Number(headers['content-length'])));
        },
      ),
    );
    expect(await transfer({ key, expected })).toEqual(transferred(3, { route: 'cdn-past-cache' }));
    expect(await bytesAt(key)).toBe('abc');
  });

  test('and lacks the length it promised is read again', async () => {
    const expected = clouds.put('truncated', 'abcdef');
    clouds.break(
      'cdn',
      firstTimes(1, isGet('truncated'), (response, request) => {
        response.writeHead(200, { etag: `"${md5('abcdef')}"`, 'content-length': '6' });
        response.write('abc', () => request.socket.destroy());
      }),
    );
    expect(await transfer({ key: 'truncated', expected })).toMatchObject({ status: 'transferred', bytes: 6 });
    expect(await bytesAt('truncated')).toBe('abcdef');
  });

  test('and longer than it may be, without saying so, is not stored', async () => {
    const expected = clouds.put('too-long', 'abc');
    clouds.break(
      'cdn',
      firstTimes(1, isGet('too-long'), (response) => {
        response.writeHead(200, { etag: `"${md5('abc')}"` });
        response.write('abc');
        response.end('def');
      }),
    );
    expect(await transfer({ key: 'too-long', expected })).toMatchObject({ route: 'cdn-past-cache' });
    expect(await bytesAt('too-long')).toBe('abc');
  });

  test('with one wrong byte under the right ETag is refused by GCS and got by another route', async () => {
    const expected = clouds.put('corrupt', 'abc');
    clouds.break(
      'cdn',
      firstTimes(1, isGet('corrupt'), (response) => {
        response.writeHead(200, { etag: `"${md5('abc')}"`, 'content-length': '3' }).end('abX');
      }),
    );
    expect(await transfer({ key: 'corrupt', expected })).toEqual(transferred(3, { route: 'cdn-past-cache' }));
    expect(await bytesAt('corrupt')).toBe('abc');
  });

  test('and a 404 that the CDN remembers is no proof that there is nothing', async () => {
    const expected = clouds.put('remembered-404', 'abc');
    clouds.break(
      'cdn',
      firstTimes(1, isGet('remembered-404'), (response) => {
        response.writeHead(404).end();
      }),
    );
    expect(await transfer({ key: 'remembered-404', expected })).toEqual(transferred(3, { route: 'cdn-past-cache' }));
  });
});

describe('S3 having moved on since the listing', () => {
  test('the new version is what arrives, counted as changed', async () => {
    const listed = clouds.put('moved', 'first');
    clouds.put('moved', 'second version');
    expect(await transfer({ key: 'moved', expected: listed })).toEqual(transferred(14, { changed: true }));
    expect(await bytesAt('moved')).toBe('second version');
    expect((await clouds.arrived('moved'))?.resource.metadata).toMatchObject({
      'x-goog-source-etag': md5('second version'),
    });
  });

  test('an object that is gone is a failure that says so', async () => {
    const listed = clouds.put('gone', 'first');
    clouds.source.delete('gone');
    expect(await transfer({ key: 'gone', expected: listed })).toEqual(failedWith('SOURCE_NOT_FOUND'));
    expect(await transfer({ key: 'gone' })).toEqual(failedWith('SOURCE_NOT_FOUND'));
  });
});

describe('a service that asks for less', () => {
  test.each([429, 503])('is obeyed: %i with Retry-After', async (status) => {
    const key = `slow-down/${status}`;
    const expected = clouds.put(key, 'abc');
    const times: number[] = [];
    clouds.break('cdn', (request, response) => {
      if (!isGet(key)(request)) return false;
      times.push(performance.now());
      if (times.length > 1) return false;
      response.writeHead(status, { 'retry-after': '1' }).end();
      return true;
    });
    const context = clouds.transferContext();
    const before = context.readLimit.limit;
    expect(await transferObject(context, { key, expected }, new Map(), never)).toEqual(transferred(3));
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(990);
    expect(context.readLimit.limit).toBe(before / 2);
  });

  test.each([429, 500, 502, 503])('may be GCS: %i', async (status) => {
    const key = `gcs-slow/${status}`;
    const expected = clouds.put(key, 'abc');
    clouds.break(
      'gcs',
      firstTimes(
        2,
        ({ method }) => method === 'POST',
        (response) => response.writeHead(status).end(),
      ),
    );
    expect(await transfer({ key, expected })).toEqual(transferred(3));
    expect(await bytesAt(key)).toBe('abc');
  });

  test('for ever, fails the object with what it said last', async () => {
    const expected = clouds.put('throttled', 'abc');
    clouds.break('gcs', (_request, response) => {
      response.writeHead(429).end();
      return true;
    });
    const outcome = await transfer({ key: 'throttled', expected });
    expect(outcome).toEqual(failedWith('DESTINATION_THROTTLED'));
  });
});

describe('an upload whose answer is lost', () => {
  test('is not made twice', async () => {
    const expected = clouds.put('lost-answer', 'abc');
    let uploads = 0;
    clouds.break('gcs', (request, response) => {
      if (request.method !== 'POST') return false;
      uploads++;
      // Stored, but the answer never arrives.
      if (uploads === 1) response.writeHead = () => response.destroy();
      return false;
    });
    expect(await transfer({ key: 'lost-answer', expected })).toEqual({ status: 'skipped' });
    expect(await bytesAt('lost-answer')).toBe('abc');
    expect(clouds.gcs.stats.uploads(DESTINATION_BUCKET).get('lost-answer')).toBe(1);
  });
});

describe('what cannot be read', () => {
  test('because it is archived is reported and not tried again', async () => {
    const expected = clouds.put('frozen', 'abc', { attributes: { storageClass: 'GLACIER' } });
    const requests = clouds.cdn.stats.requests;
    expect(await transfer({ key: 'frozen', expected })).toEqual(failedWith('SOURCE_ARCHIVED'));
    expect(clouds.cdn.stats.requests).toBe(requests + 1);
  });

  test('because it lies outside the root is reported', async () => {
    const mapping = { s3RootPrefix: 'photos/', gcsRootPrefix: '' };
    const expected = clouds.put('videos/x', 'abc');
    expect(await transfer({ key: 'videos/x', expected }, { mapping })).toEqual(failedWith('SOURCE_KEY_OUTSIDE_ROOT'));
  });
});

test('an abort ends the transfer with its reason and gives everything back', async () => {
  const expected = clouds.put('aborted', 'abc');
  const controller = new AbortController();
  const reason = new Error('shutting down');
  clouds.break('cdn', () => {
    controller.abort(reason);
    return true;
  });
  const context = clouds.transferContext();
  const run = transferObject(context, { key: 'aborted', expected }, new Map(), controller.signal);
  await expect(run).rejects.toBe(reason);
  expect(context.budget.usedBytes).toBe(0);
  expect([context.readLimit.active, context.writeLimit.active]).toEqual([0, 0]);
});
