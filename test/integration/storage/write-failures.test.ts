import { getEventListeners } from 'node:events';
import type { ObjectDestination, RewriteRequest, WriteRequest } from '@object-transfer/core/ports/object-destination';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { GcsTokenSource } from '@object-transfer/core/storage/gcs-token-source';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answer, breakOff, gcsError, hangUp, silence, startScriptedServer, type Step } from './scripted-server.ts';

const POOL = { connections: 4, connectTimeoutMs: 2000, headersTimeoutMs: 400, bodyTimeoutMs: 400 };
const never = new AbortController().signal;
const OBJECT = answer(
  200,
  {},
  '{"name":"n/é","size":"1","generation":"5","crc32c":"AAAAAQ==","md5Hash":"AAECAwQFBgcICQoLDA0ODw=="}',
);

function json(body: unknown): Step {
  return answer(200, {}, JSON.stringify(body));
}

let server: Awaited<ReturnType<typeof startScriptedServer>>;
let destination: ObjectDestination;
beforeAll(async () => {
  server = await startScriptedServer();
  destination = createGcsObjectDestination({ bucket: 'b', emulatorHost: server.url, pool: POOL });
});
afterAll(async () => {
  await destination.close();
  await server.close();
});

function writeRequest(more: Partial<WriteRequest> = {}): WriteRequest {
  return {
    name: 'n/é',
    content: [Buffer.from('x')],
    properties: { metadata: {} },
    crc32c: 1,
    ifGenerationMatch: '0',
    signal: never,
    ...more,
  };
}

test('an object is written by one request', async () => {
  server.script(OBJECT);
  const properties = { contentType: 'text/plain', metadata: { owner: 'é' } };
  const written = await destination.write(writeRequest({ properties, md5: '00'.repeat(16) }));
  expect(written).toEqual({
    name: 'n/é',
    sizeBytes: 1,
    generation: '5',
    crc32c: 1,
    md5: '000102030405060708090a0b0c0d0e0f',
    sourceEtag: undefined,
  });
  const [request] = server.requests;
  expect(server.requests).toHaveLength(1);
  expect(request?.method).toBe('POST');
  expect(request?.target).toMatch(/^\/upload\/storage\/v1\/b\/b\/o\?uploadType=multipart&ifGenerationMatch=0&fields=/);
  const metadata = /\r\n\r\n(\{.*\})\r\n--/.exec(request?.body ?? '')?.[1] ?? '';
  expect(JSON.parse(metadata)).toEqual({
    name: 'n/é',
    contentType: 'text/plain',
    metadata: { owner: 'é' },
    crc32c: 'AAAAAQ==',
    md5Hash: 'AAAAAAAAAAAAAAAAAAAAAA==',
  });
});

describe('a refused write', () => {
  const cases: readonly (readonly [string, Step, string, boolean])[] = [
    ['400', gcsError(400, 'invalid', 'Invalid value'), 'DESTINATION_REJECTED', false],
    [
      '400 for its CRC32C',
      gcsError(400, 'invalid', 'Provided CRC32C "AAAAAQ==" doesn\'t match calculated CRC32C "x".'),
      'DESTINATION_CHECKSUM_REJECTED',
      true,
    ],
    [
      '400 for its MD5',
      gcsError(400, 'invalid', 'Provided MD5 hash "a" doesn\'t match calculated MD5 hash "b".'),
      'DESTINATION_CHECKSUM_REJECTED',
      true,
    ],
    ['401', gcsError(401, 'authError'), 'DESTINATION_FORBIDDEN', false],
    ['403', gcsError(403, 'forbidden'), 'DESTINATION_FORBIDDEN', false],
    ['403 for its rate', gcsError(403, 'rateLimitExceeded'), 'DESTINATION_THROTTLED', true],
    ['404', gcsError(404, 'notFound', 'The specified bucket does not exist.'), 'DESTINATION_NOT_FOUND', false],
    ['408', answer(408), 'DESTINATION_UNAVAILABLE', true],
    ['409', gcsError(409, 'conflict'), 'DESTINATION_UNAVAILABLE', true],
    ['412', gcsError(412, 'conditionNotMet'), 'DESTINATION_PRECONDITION_FAILED', false],
    ['413', gcsError(413, 'uploadTooLarge'), 'DESTINATION_REJECTED', false],
    ['429', gcsError(429, 'rateLimitExceeded'), 'DESTINATION_THROTTLED', true],
    ['500', answer(500, {}, '<html>'), 'DESTINATION_UNAVAILABLE', true],
    ['503', gcsError(503, 'backendError'), 'DESTINATION_UNAVAILABLE', true],
    ['a broken connection', hangUp(), 'DESTINATION_CONNECTION', true],
    ['silence', silence(), 'DESTINATION_CONNECTION', true],
    [
      'an answer that breaks off',
      breakOff(200, { 'content-length': '500' }, '{"name":'),
      'DESTINATION_CONNECTION',
      true,
    ],
    ['an answer that says nothing', answer(200, {}, '{}'), 'DESTINATION_UNAVAILABLE', true],
  ];
  test.each(cases)('by %s', async (_, step, code, retryable) => {
    server.script(step);
    await expect(destination.write(writeRequest())).rejects.toMatchObject({
      code,
      retryable,
      op: 'objects.insert',
      destination: 'gs://b/n/é',
    });
    expect(server.requests).toHaveLength(1);
  });

  test('says how long to wait', async () => {
    const inAMinute = new Date(Date.now() + 60_000).toUTCString();
    server.script(gcsError(503, 'backendError', 'Because.', { 'retry-after': inAMinute }));
    const error: unknown = await destination.write(writeRequest()).catch((thrown: unknown) => thrown);
    const { retryAfterMs } = error as { retryAfterMs: number };
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  test('names the permission', async () => {
    server.script(gcsError(403, 'forbidden', 'Permission denied on resource'));
    await expect(destination.write(writeRequest())).rejects.toThrow(/Permission denied.*storage\.objects\.create/);
  });
});

describe('the check of the bucket', () => {
  test('makes do with a listing where the bucket itself may not be looked at', async () => {
    server.script(gcsError(403, 'forbidden'), answer(200, {}, '{}'));
    await destination.checkBucket(never);
    expect(server.requests.map((request) => request.target)).toEqual([
      '/storage/v1/b/b?fields=name',
      '/storage/v1/b/b/o?maxResults=1&fields=nextPageToken',
    ]);
  });

  test('says what is missing where neither is allowed', async () => {
    server.script(gcsError(403, 'forbidden'));
    await expect(destination.checkBucket(never)).rejects.toMatchObject({
      code: 'DESTINATION_FORBIDDEN',
      message: expect.stringContaining('storage.objects.list') as string,
    });
  });
});

describe('a rewrite', () => {
  const source = { name: 'parts/1 +', generation: '77' };
  const resource = { name: 'n/é', size: '1', generation: '5', crc32c: 'AAAAAQ==' };
  const rewrite = (more: Partial<RewriteRequest> = {}) =>
    destination.rewrite({
      source,
      name: 'n/é',
      properties: { contentType: 'text/plain', metadata: { owner: 'é' } },
      storageClass: 'COLDLINE',
      ifGenerationMatch: '0',
      signal: never,
      ...more,
    });
  const unfinished = (rewriteToken?: string) => json({ done: false, rewriteToken });
  const finished = json({ done: true, resource });

  test('goes on by the tokens that GCS gives until it is done, with the same request', async () => {
    server.script(unfinished('first/token'), unfinished('second'), finished);
    expect(await rewrite()).toMatchObject({ name: 'n/é', sizeBytes: 1, generation: '5', crc32c: 1 });
    const urls = server.requests.map((request) => new URL(request.target, server.url));
    expect(urls.map((url) => url.searchParams.get('rewriteToken'))).toEqual([null, 'first/token', 'second']);
    for (const [index, url] of urls.entries()) {
      expect(url.pathname).toBe('/storage/v1/b/b/o/parts%2F1%20%2B/rewriteTo/b/b/o/n%2F%C3%A9');
      expect(Object.fromEntries(url.searchParams)).toMatchObject({
        ifGenerationMatch: '0',
        sourceGeneration: '77',
        ifSourceGenerationMatch: '77',
      });
      expect(server.requests[index]?.method).toBe('POST');
      expect(JSON.parse(server.requests[index]?.body ?? '')).toEqual({
        name: 'n/é',
        contentType: 'text/plain',
        metadata: { owner: 'é' },
        storageClass: 'COLDLINE',
      });
    }
  });

  const unreadable: readonly (readonly [string, Step])[] = [
    ['nothing', json({})],
    ['that it is not done, without a token', unfinished()],
    ['that it is done, without an object', json({ done: true })],
    ['no JSON', answer(200, {}, '<html>')],
  ];
  test.each(unreadable)('fails where GCS answers %s', async (_, step) => {
    server.script(unfinished('token'), step);
    await expect(rewrite()).rejects.toMatchObject({ code: 'DESTINATION_UNAVAILABLE', op: 'objects.rewrite' });
    expect(server.requests).toHaveLength(2);
  });

  test('names the permissions that it needs', async () => {
    server.script(gcsError(403, 'forbidden'));
    await expect(rewrite()).rejects.toThrow(/storage\.objects\.get and storage\.objects\.create/);
  });

  test('stops between two calls when it is aborted', async () => {
    const stop = new AbortController();
    const reason = new Error('enough');
    let calls = 0;
    server.script((response, request) => {
      if (++calls === 3) stop.abort(reason);
      unfinished(`token-${calls}`)(response, request);
    });
    await expect(rewrite({ signal: stop.signal })).rejects.toBe(reason);
    expect(calls).toBe(3);
  });
});

test('one generation is deleted', async () => {
  server.script(answer(204), gcsError(404, 'notFound', 'No such object: b/n'));
  await destination.delete('n', '7', never);
  await destination.delete('n', '7', never);
  await destination.delete('n', undefined, never);
  expect(server.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([
    'DELETE /storage/v1/b/b/o/n?generation=7',
    'DELETE /storage/v1/b/b/o/n?generation=7',
    'DELETE /storage/v1/b/b/o/n',
  ]);
});

function countingTokens(): GcsTokenSource & { readonly discarded: string[] } {
  const discarded: string[] = [];
  return {
    discarded,
    token: () => Promise.resolve(`token-${discarded.length}`),
    discard: (refused) => {
      discarded.push(refused);
    },
  };
}

describe('tokens', () => {
  test.each([
    ['small', Buffer.from('x')],
    ['large', Buffer.alloc(300_000, 'x')],
  ])('are renewed once when GCS refuses one, and a %s body is sent again', async (_, content) => {
    const tokens = countingTokens();
    const own = createGcsObjectDestination({ bucket: 'b', emulatorHost: server.url, pool: POOL, tokens });
    server.script(gcsError(401, 'authError'), OBJECT);
    await own.write(writeRequest({ content: [content] }));
    expect(server.requests.map((request) => request.headers.authorization)).toEqual([
      'Bearer token-0',
      'Bearer token-1',
    ]);
    expect(server.requests[1]?.body).toBe(server.requests[0]?.body);
    expect(server.requests[1]?.body.length).toBeGreaterThan(content.length);

    server.script(gcsError(401, 'authError'));
    const error: unknown = await own.stat('n', never).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'DESTINATION_FORBIDDEN', httpStatus: 401 });
    expect(JSON.stringify(error) + String(error)).not.toContain('token-');
    expect(server.requests).toHaveLength(2);
    await own.close();
  });

  test.each([
    ['the first', 0],
    ['another', 1],
  ])('that never come do not outlive the abort: %s', async (_, granted) => {
    const stop = new AbortController();
    const reason = new Error('enough');
    let asked = 0;
    const stalled: GcsTokenSource = {
      token() {
        if (asked++ < granted) return Promise.resolve('token');
        queueMicrotask(() => stop.abort(reason));
        return Promise.withResolvers<string>().promise;
      },
      discard: () => undefined,
    };
    const own = createGcsObjectDestination({ bucket: 'b', emulatorHost: server.url, pool: POOL, tokens: stalled });
    server.script(gcsError(401, 'authError'));
    await expect(own.write(writeRequest({ signal: stop.signal }))).rejects.toBe(reason);
    expect(server.requests).toHaveLength(granted);
    expect(getEventListeners(stop.signal, 'abort')).toEqual([]);
    await own.close();
  });
});
