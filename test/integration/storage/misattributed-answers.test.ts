import type { Socket } from 'node:net';
import type { ObjectDestination, UploadRequest } from '@object-transfer/core/ports/object-destination';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { answer, startScriptedServer, type Step } from './scripted-server.ts';

/** A proxy that has lost count of a kept-alive connection: all that comes on it from then on belongs to the request before. */
let server: Awaited<ReturnType<typeof startScriptedServer>>;
let destination: ObjectDestination;
/** Of each request that has had its last answer of the script. */
let sockets: Socket[];
beforeAll(async () => {
  server = await startScriptedServer();
});
beforeEach(() => {
  sockets = [];
  destination = createGcsObjectDestination({
    bucket: 'b',
    emulatorHost: server.url,
    pool: POOL,
    listRetryPolicy: { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1 },
  });
});
afterEach(() => destination.close());
afterAll(() => server.close());

const POOL = { connections: 1, connectTimeoutMs: 5000, headersTimeoutMs: 60_000, bodyTimeoutMs: 60_000 };
const never = new AbortController().signal;
const properties = { metadata: {} };

function json(value: unknown, headers: Record<string, string> = {}): Step {
  return (response, request) => {
    sockets.push(request.socket);
    answer(200, headers, JSON.stringify(value))(response, request);
  };
}

function objectNamed(name: string) {
  return { name, size: '1', generation: '5', crc32c: 'AAAAAQ==' };
}

async function upload(request: Partial<UploadRequest>): Promise<unknown> {
  const opened = await destination.openUpload({
    name: 'own',
    sizeBytes: 1,
    properties,
    storageClass: undefined,
    ifGenerationMatch: '0',
    signal: never,
    ...request,
  });
  try {
    await opened.write(Buffer.from('x'));
    return await opened.finish(1);
  } finally {
    await opened.abort();
  }
}

function sessionAt(host: string): Step {
  return json({}, { location: `${host}/upload/session` });
}

const part = { name: 'part', generation: '7' };
const object = json(objectNamed('own'));
const other = json(objectNamed('other'));
const ask = {
  'a look': () => destination.stat('own', never),
  'an upload from memory': () =>
    destination.write({
      name: 'own',
      content: [Buffer.from('x')],
      properties,
      crc32c: 1,
      ifGenerationMatch: '0',
      signal: never,
    }),
  'an upload in one request': () => upload({ temporary: true }),
  'a composition': () => destination.compose({ name: 'own', parts: [part], storageClass: 'STANDARD', signal: never }),
  'a rewrite': () =>
    destination.rewrite({
      name: 'own',
      source: part,
      properties,
      storageClass: 'STANDARD',
      ifGenerationMatch: '0',
      signal: never,
    }),
  'a listing': async () => {
    for await (const page of destination.listObjects({ prefix: 'own', signal: never })) return page;
    return undefined;
  },
} satisfies Record<string, () => Promise<unknown>>;

const ANSWERS: Partial<Record<keyof typeof ask, readonly [wrong: Step, right: Step]>> = {
  'a rewrite': [
    json({ done: true, resource: objectNamed('other') }),
    json({ done: true, resource: objectNamed('own') }),
  ],
  'a listing': [object, json({ kind: 'storage#objects' })],
};

test.each(Object.entries(ask))(
  '%s whose answer is about another object gives up its connection',
  async (what, send) => {
    const [wrong, right] = ANSWERS[what as keyof typeof ask] ?? [other, object];
    server.script(right, right, wrong, right);
    await send();
    await send();
    await expect(send()).rejects.toMatchObject({ retryable: true });
    await send();
    const [first, second, third, fourth] = sockets;
    expect([second === first, third === first]).toEqual([true, true]);
    expect(fourth).not.toBe(first);
  },
);

test('a session that ends with the answer about another object gives up its connection', async () => {
  const start = sessionAt(server.url);
  server.script(start, object, start, other, start, object);
  await upload({});
  await expect(upload({})).rejects.toMatchObject({ retryable: true });
  await upload({});
  const ends = sockets.filter((_, index) => index % 2 === 1);
  expect(ends[1]).toBe(ends[0]);
  expect(ends[2]).not.toBe(ends[1]);
});

test('a session whose address is not of this host gives up the connection', async () => {
  const start = sessionAt(server.url);
  server.script(start, object, sessionAt('http://elsewhere.invalid'), start, object);
  await upload({});
  await expect(upload({})).rejects.toMatchObject({ retryable: true });
  await upload({});
  const [first, , wrong, second] = sockets;
  expect(wrong).toBe(first);
  expect(second).not.toBe(first);
});

test('a listing of S3 that is a page of another prefix gives up its connection', async () => {
  const connection = createS3Connection({
    bucket: 'b',
    region: 'r',
    endpointUrl: server.url,
    credentials: 'anonymous',
    pool: POOL,
  });
  const lister = createS3ObjectLister(connection, { retryPolicy: { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1 } });
  const list = async (): Promise<void> => {
    for await (const _ of lister.listObjects({ prefix: 'own', signal: never }));
  };
  server.script(s3Page('own/a'), s3Page('own/a'), s3Page('other/a'), s3Page('own/a'));
  await list();
  await list();
  await expect(list()).rejects.toMatchObject({ code: 'SOURCE_LISTING_INVALID' });
  await list();
  await connection.close();
  const [first, second, third, fourth] = sockets;
  expect([second === first, third === first]).toEqual([true, true]);
  expect(fourth).not.toBe(first);
});

function s3Page(key: string): Step {
  const listed = `<Contents><Key>${key}</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass></Contents>`;
  const page = `<ListBucketResult><Name>b</Name><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${listed}</ListBucketResult>`;
  return (response, request) => {
    sockets.push(request.socket);
    answer(200, { 'content-type': 'application/xml' }, page)(response, request);
  };
}
