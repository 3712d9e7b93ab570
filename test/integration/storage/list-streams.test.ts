import type { ServerResponse } from 'node:http';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { startGcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

const RETRIES = { maxAttempts: 3, baseDelayMs: 1, maxDelayMs: 1 };
const PAGE_SIZE = 20;
const STREAMS = 6;
const KEYS = Array.from({ length: 3000 }, (_, i) => `many/${String(i).padStart(6, '0')}`);
const PAGES = KEYS.length / PAGE_SIZE;

interface ListedPage {
  readonly keys: readonly string[];
}

/** One service, whose requests for listings can be answered by something else. */
interface Side {
  list(signal: AbortSignal): AsyncIterable<ListedPage>;
  /** The parameter by which a stream says where its part of the listing starts. */
  readonly startParameter: string;
  readonly tokenParameter: string;
  /** A page of these keys, the last one. */
  readonly page: (keys: readonly string[]) => string;
  readonly invalid: string;
  readonly unavailable: string;
  close(): Promise<void>;
}

type Fault = (query: URLSearchParams, response: ServerResponse) => boolean;
let fault: Fault = () => false;
let requests: URLSearchParams[] = [];

function intercept({ url = '' }: { readonly url?: string | undefined }, response: ServerResponse): boolean {
  const query = new URL(url, 'http://localhost').searchParams;
  requests.push(query);
  return fault(query, response);
}

async function openS3(): Promise<Side> {
  const server = await startS3Server({ buckets: { bucket: {} }, intercept });
  for (const key of KEYS) server.bucket('bucket').put(key, 'x');
  const connection = createS3Connection({
    bucket: 'bucket',
    region: 'us-east-1',
    endpointUrl: server.url,
    credentials: 'anonymous',
  });
  const lister = createS3ObjectLister(connection, { retryPolicy: RETRIES, streams: STREAMS, pageSize: PAGE_SIZE });
  return {
    async *list(signal) {
      for await (const { objects } of lister.listObjects({ prefix: 'many/', signal })) {
        yield { keys: objects.map((object) => object.key) };
      }
    },
    startParameter: 'start-after',
    tokenParameter: 'continuation-token',
    page: (keys) =>
      `<ListBucketResult><IsTruncated>false</IsTruncated>${keys.map((key) => `<Contents><Key>${key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>1</Size></Contents>`).join('')}</ListBucketResult>`,
    invalid: 'SOURCE_LISTING_INVALID',
    unavailable: 'SOURCE_UNAVAILABLE',
    async close() {
      await connection.close();
      await server.close();
    },
  };
}

async function openGcs(): Promise<Side> {
  const server = await startGcsServer({ buckets: ['bucket'], intercept });
  for (const key of KEYS) server.objects.put('bucket', key, 'x');
  const destination = createGcsObjectDestination({
    bucket: 'bucket',
    emulatorHost: server.url,
    listRetryPolicy: RETRIES,
    listStreams: STREAMS,
  });
  return {
    async *list(signal) {
      for await (const { objects } of destination.listObjects({ prefix: 'many/', pageSize: PAGE_SIZE, signal })) {
        yield { keys: objects.map((object) => object.name) };
      }
    },
    startParameter: 'startOffset',
    tokenParameter: 'pageToken',
    page: (keys) =>
      JSON.stringify({ kind: 'storage#objects', items: keys.map((name) => ({ name, size: '1', generation: '7' })) }),
    invalid: 'DESTINATION_LISTING_INVALID',
    unavailable: 'DESTINATION_UNAVAILABLE',
    async close() {
      await destination.close();
      await server.close();
    },
  };
}

afterEach(() => {
  fault = () => false;
  requests = [];
});

describe.each([
  { name: 'S3', open: openS3 },
  { name: 'GCS', open: openGcs },
])('a listing of $name by several streams', ({ open }) => {
  let side: Side;
  beforeAll(async () => {
    side = await open();
  });
  afterAll(() => side.close());

  async function list(listed: string[] = [], signal = new AbortController().signal): Promise<readonly string[]> {
    for await (const { keys } of side.list(signal)) listed.push(...keys);
    return listed;
  }
  const isSplit = (query: URLSearchParams) => query.has(side.startParameter) && !query.has(side.tokenParameter);

  /** Listens to what begins a stream in the second half of the keys, and to each page of it. */
  function breakFarStream(breakPage: Fault): void {
    const middle = KEYS[1500] ?? '';
    fault = (query, response) =>
      isSplit(query) && (query.get(side.startParameter) ?? '') > middle && breakPage(query, response);
  }

  test('has every key once, for few requests more than its pages', async () => {
    expect(await list()).toEqual(KEYS);
    expect(requests.filter(isSplit).length).toBeGreaterThan(10);
    expect(requests.length).toBeLessThan(PAGES * 1.25);
  });

  test('outlives streams that fail at first', async () => {
    const failed = new Set<string>();
    fault = (query, response) => {
      const request = query.toString();
      if (failed.has(request)) return false;
      failed.add(request);
      response.writeHead(503).end();
      return true;
    };
    expect(await list()).toEqual(KEYS);
  });

  test('throws what a stream has failed with, behind all keys before', async () => {
    let start = '';
    breakFarStream((query, response) => {
      start ||= query.get(side.startParameter) ?? '';
      if (query.get(side.startParameter) !== start) return false;
      response.writeHead(503).end();
      return true;
    });
    const listed: string[] = [];
    await expect(list(listed)).rejects.toMatchObject({ code: side.unavailable });
    expect(listed.length).toBeGreaterThan(1500);
    expect(listed).toEqual(
      KEYS.filter((key) => key < start || (key === start && side.startParameter === 'start-after')),
    );
  });

  test.each([
    ['begins before its start', () => KEYS.slice(0, 10)],
    ['lies outside the prefix', () => ['other/1']],
    ['goes back', (start: string) => [`${start}b`, `${start}a`]],
    ['says a key twice', (start: string) => [`${start}a`, `${start}a`]],
  ])('is an error where the page of a stream %s', async (_, keysOf) => {
    breakFarStream((query, response) => {
      response.end(side.page(keysOf(query.get(side.startParameter) ?? '')));
      return true;
    });
    await expect(list()).rejects.toMatchObject({ code: side.invalid });
  });

  test('ends with the reason of the abort, and all its requests with it', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const closed: Promise<unknown>[] = [];
    breakFarStream((_, response) => {
      closed.push(new Promise((resolve) => response.on('close', resolve)));
      if (closed.length === 1) controller.abort(reason);
      return true;
    });
    await expect(list([], controller.signal)).rejects.toBe(reason);
    await Promise.all(closed);
  });
});

test('a page of GCS that goes beyond the end that was asked for is an error', async () => {
  const server = await startGcsServer({
    buckets: ['bucket'],
    intercept: (_, response) => {
      response.end(JSON.stringify({ kind: 'storage#objects', items: [{ name: 'z', size: '1', generation: '7' }] }));
      return true;
    },
  });
  const destination = createGcsObjectDestination({
    bucket: 'bucket',
    emulatorHost: server.url,
    listRetryPolicy: RETRIES,
  });
  const pages = destination.listObjects({ prefix: '', endOffset: 'z', signal: new AbortController().signal });
  await expect(pages[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'DESTINATION_LISTING_INVALID' });
  await destination.close();
  await server.close();
});
