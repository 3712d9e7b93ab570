import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import { createS3Connection, type S3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  answer,
  breakOff,
  gcsError,
  hangUp,
  s3Error,
  silence,
  startScriptedServer,
  type Step,
} from './scripted-server.ts';

const POOL = { connections: 4, connectTimeoutMs: 2000, headersTimeoutMs: 400, bodyTimeoutMs: 400 };
const RETRIES = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 1 };
const never = new AbortController().signal;

let server: Awaited<ReturnType<typeof startScriptedServer>>;
beforeAll(async () => {
  server = await startScriptedServer();
});
afterAll(() => server.close());

interface PageText {
  readonly keys: readonly string[];
  readonly more?: string;
}

function s3PageBody({ keys, more }: PageText): string {
  const token = more === undefined ? '' : `<NextContinuationToken>${more}</NextContinuationToken>`;
  const contents = keys.map(
    (key) =>
      `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><EncodingType>url</EncodingType><IsTruncated>${more !== undefined}</IsTruncated>${contents.join('')}${token}</ListBucketResult>`;
}

function s3Page(page: PageText): Step {
  return answer(200, { 'content-type': 'application/xml' }, s3PageBody(page));
}

const GCS_LISTING = 'storage#objects';

function gcsPage({ keys, more }: PageText): Step {
  const items = keys.map((name) => ({ name, size: '1', generation: '7', crc32c: 'AAAAAA==' }));
  return answer(
    200,
    { 'content-type': 'application/json' },
    JSON.stringify({ kind: GCS_LISTING, items, nextPageToken: more }),
  );
}

async function collect<Page>(pages: AsyncIterable<Page>, keysOf: (page: Page) => readonly string[]): Promise<string[]> {
  const keys: string[] = [];
  for await (const page of pages) keys.push(...keysOf(page));
  return keys;
}

describe('a listing of S3', () => {
  let connection: S3Connection;
  let lister: ObjectLister;
  beforeAll(() => {
    connection = createS3Connection({
      bucket: 'b',
      region: 'r',
      endpointUrl: server.url,
      credentials: 'anonymous',
      pool: POOL,
    });
    lister = createS3ObjectLister(connection, { retryPolicy: RETRIES });
  });
  afterAll(() => connection.close());
  const list = (prefix = '') =>
    collect(lister.listObjects({ prefix, signal: never }), (page) => page.objects.map((object) => object.key));

  test('asks for the next page while the current one is used', async () => {
    server.script(s3Page({ keys: ['a'], more: 't1' }), s3Page({ keys: ['b'], more: 't2' }), s3Page({ keys: ['c'] }));
    const pages = lister.listObjects({ prefix: '', signal: never })[Symbol.asyncIterator]();
    await pages.next();
    await expect.poll(() => server.requests.length).toBe(2);
    await pages.next();
    expect(await pages.next()).toMatchObject({ done: false });
    expect(await pages.next()).toMatchObject({ done: true });
    expect(
      server.requests.map((request) => new URLSearchParams(request.target.slice(3)).get('continuation-token')),
    ).toEqual([null, 't1', 't2']);
  });

  test('outlives a page that was cut off, throttled or broken', async () => {
    const whole = s3PageBody({ keys: ['b'] });
    for (const bad of [
      answer(200, {}, whole.slice(0, -30)),
      breakOff(200, { 'content-length': '9999' }, whole),
      s3Error(503, 'SlowDown'),
      s3Error(500, 'InternalError'),
      hangUp(),
      silence(),
    ]) {
      server.script(s3Page({ keys: ['a'], more: 't1' }), bad, s3Page({ keys: ['b'] }));
      expect(await list()).toEqual(['a', 'b']);
    }
  });

  const invalid: readonly (readonly [string, readonly [Step, ...Step[]]])[] = [
    ['is empty', [answer(200)]],
    [
      'is cut off between two keys',
      [answer(200, {}, s3PageBody({ keys: ['a', 'b'] }).replace(/<\/Contents>.*/s, '</Contents>'))],
    ],
    ['lacks its closing tag', [answer(200, {}, s3PageBody({ keys: ['a'] }).replace('</ListBucketResult>', ''))]],
    ['is a page for people', [answer(200, {}, '<html><body>Sign in to the Wi-Fi</body></html>')]],
    ['is an error after all', [answer(200, {}, '<Error><Code>InternalError</Code></Error>')]],
    ['does not say whether it is the last', [answer(200, {}, '<ListBucketResult><Name>b</Name></ListBucketResult>')]],
    [
      'promises more without a token',
      [answer(200, {}, '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>')],
    ],
    ['repeats its token', [s3Page({ keys: ['a'], more: 't1' }), s3Page({ keys: ['b'], more: 't1' })]],
    ['goes back', [s3Page({ keys: ['b'], more: 't1' }), s3Page({ keys: ['a'] })]],
    ['says a key twice', [s3Page({ keys: ['a', 'a'] })]],
    ['has a key without a size', [answer(200, {}, s3PageBody({ keys: ['a'] }).replace('<Size>1</Size>', ''))]],
    ['has a key that is no UTF-8', [answer(200, {}, s3PageBody({ keys: ['a'] }).replace('<Key>a', '<Key>%ff'))]],
  ];
  test.each(invalid)('is an error where a page %s', async (_, steps) => {
    server.script(...steps);
    await expect(list()).rejects.toMatchObject({
      code: 'SOURCE_LISTING_INVALID',
      op: 'ListObjectsV2',
      source: 's3://b/',
    });
    expect(server.requests).toHaveLength(steps.length - 1 + RETRIES.maxAttempts);
  });

  test('is an error where a key lies outside the prefix', async () => {
    server.script(s3Page({ keys: ['photos/a', 'videos/b'] }));
    await expect(list('photos/')).rejects.toMatchObject({ code: 'SOURCE_LISTING_INVALID' });
  });

  test('gives up after the last retry', async () => {
    server.script(s3Error(503, 'SlowDown'));
    await expect(list()).rejects.toMatchObject({ code: 'SOURCE_THROTTLED' });
    expect(server.requests).toHaveLength(RETRIES.maxAttempts);
  });

  test('names the bucket that is missing', async () => {
    server.script(s3Error(404, 'NoSuchBucket'));
    await expect(list()).rejects.toMatchObject({
      code: 'CONFIG_BUCKET_MISSING',
      message: expect.stringContaining('S3 bucket b') as string,
    });
    expect(server.requests).toHaveLength(1);
  });

  const notOfTheBucket: readonly (readonly [string, Step])[] = [
    ['is a page for people', answer(404, { 'content-type': 'text/html' }, '<html><body>not found</body></html>')],
    ['says nothing', answer(404)],
    ['is about a key', s3Error(404, 'NoSuchKey')],
  ];
  test.each(notOfTheBucket)('takes a 404 that %s for no answer about the bucket', async (_, refusal) => {
    server.script(refusal, s3Page({ keys: ['a'] }));
    expect(await list()).toEqual(['a']);
    server.script(refusal);
    await expect(list()).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
      message: expect.stringContaining('of a bucket that is missing S3 says NoSuchBucket') as string,
    });
    expect(server.requests).toHaveLength(RETRIES.maxAttempts);
  });

  test('names the permission that is missing', async () => {
    server.script(s3Error(403, 'AccessDenied'));
    await expect(list()).rejects.toMatchObject({
      code: 'SOURCE_FORBIDDEN',
      message: expect.stringContaining('s3:ListBucket') as string,
    });
  });

  test('drops what it has asked for in advance when the consumer leaves', async () => {
    let dropped: Promise<unknown> | undefined;
    server.script(s3Page({ keys: ['a'], more: 't1' }), (response) => {
      dropped = new Promise((resolve) => response.on('close', resolve));
    });
    for await (const page of lister.listObjects({ prefix: '', signal: never })) {
      expect(page.objects).toHaveLength(1);
      await expect.poll(() => dropped !== undefined).toBe(true);
      break;
    }
    await dropped;
  });

  test('stops waiting for its next try when it is aborted', async () => {
    server.script(s3Error(503, 'SlowDown', { 'retry-after': '30' }));
    const controller = new AbortController();
    const listing = collect(lister.listObjects({ prefix: '', signal: controller.signal }), () => []);
    await expect.poll(() => server.requests.length).toBe(1);
    controller.abort();
    await expect(listing).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('a listing of GCS', () => {
  let destination: ObjectDestination;
  beforeAll(() => {
    destination = createGcsObjectDestination({
      bucket: 'b',
      emulatorHost: server.url,
      pool: POOL,
      listRetryPolicy: RETRIES,
    });
  });
  afterAll(() => destination.close());
  const list = (prefix = '') =>
    collect(destination.listObjects({ prefix, signal: never }), (page) => page.objects.map((object) => object.name));

  test('outlives a page that was cut off, throttled or broken', async () => {
    for (const bad of [
      answer(200, {}, '{"items":[{"name":"b"'),
      breakOff(200, { 'content-length': '9999' }, '{}'),
      gcsError(429, 'rateLimitExceeded'),
      gcsError(403, 'userRateLimitExceeded'),
      gcsError(503, 'backendError'),
      hangUp(),
      silence(),
    ]) {
      server.script(gcsPage({ keys: ['a'], more: 't1' }), bad, gcsPage({ keys: ['b'] }));
      expect(await list()).toEqual(['a', 'b']);
    }
  });

  const invalid: readonly (readonly [string, readonly [Step, ...Step[]]])[] = [
    ['is empty', [answer(200)]],
    ['is a page for people', [answer(200, {}, '<html>Sign in</html>')]],
    ['is an object of another kind', [answer(200, {}, '{}')]],
    ['has items that are no list', [answer(200, {}, JSON.stringify({ kind: GCS_LISTING, items: {} }))]],
    [
      'has an item without a generation',
      [answer(200, {}, JSON.stringify({ kind: GCS_LISTING, items: [{ name: 'a', size: '1' }] }))],
    ],
    ['repeats its token', [gcsPage({ keys: ['a'], more: 't1' }), gcsPage({ keys: ['b'], more: 't1' })]],
    ['goes back', [gcsPage({ keys: ['b'], more: 't1' }), gcsPage({ keys: ['a'] })]],
  ];
  test.each(invalid)('is an error where a page %s', async (_, steps) => {
    server.script(...steps);
    await expect(list()).rejects.toMatchObject({ code: 'DESTINATION_LISTING_INVALID', destination: 'gs://b/' });
    expect(server.requests).toHaveLength(steps.length - 1 + RETRIES.maxAttempts);
  });

  test.each([answer(404), answer(404, {}, '<html>not found</html>'), answer(404, {}, 'default backend - 404')])(
    'takes a 404 that is not in the words of GCS for no answer about the bucket',
    async (refusal) => {
      server.script(refusal, gcsPage({ keys: ['a'] }));
      expect(await list()).toEqual(['a']);
      server.script(refusal, answer(200, {}, '{"name":"b"}'));
      await destination.checkBucket(never);
      server.script(refusal);
      await expect(list()).rejects.toMatchObject({ code: 'DESTINATION_UNAVAILABLE', httpStatus: 404 });
      server.script(gcsError(404, 'notFound', 'The specified bucket does not exist.'));
      await expect(list()).rejects.toMatchObject({ code: 'DESTINATION_NOT_FOUND' });
      await expect(destination.checkBucket(never)).rejects.toMatchObject({ code: 'CONFIG_BUCKET_MISSING' });
      expect(server.requests).toHaveLength(2);
    },
  );

  test('names the permission that is missing', async () => {
    server.script(gcsError(403, 'forbidden'));
    await expect(list()).rejects.toMatchObject({
      code: 'DESTINATION_FORBIDDEN',
      message: expect.stringContaining('storage.objects.list') as string,
    });
  });
});
