import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { Client, type Dispatcher } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { HttpFaultProxy, type ProxiedRequest } from './http-fault-proxy.ts';
import type { HttpFault } from './http-fault.ts';

const BODY = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));

/** A server that answers with its only object, whole or a range of it, and keeps what it was sent. */
let server: Server;
const received: { target: string; headers: IncomingMessage['headers']; body: Buffer | undefined }[] = [];
let proxy: HttpFaultProxy;
let faults: (HttpFault | undefined)[] = [];
const seen: ProxiedRequest[] = [];
let client: Client;

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { url: target = '', headers, method } = request;
  const entry = { target, headers, body: undefined as Buffer | undefined };
  received.push(entry);
  entry.body = await buffer(request).catch(() => undefined);
  const range = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '');
  const part = range === null ? BODY : BODY.subarray(Number(range[1]), Number(range[2]) + 1);
  const answer = { 'content-length': String(part.length), etag: '"right"', 'x-twice': ['a', 'b'] };
  response.writeHead(range === null ? 200 : 206, answer).end(method === 'HEAD' ? undefined : part);
}

beforeAll(async () => {
  server = createServer((request, response) => void serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const targetUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  proxy = await HttpFaultProxy.start({ targetUrl, choose });
});
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  server.close();
  server.closeAllConnections();
});
beforeEach(() => {
  client = new Client(proxy.url, { headersTimeout: 200, bodyTimeout: 200 });
  received.length = 0;
  seen.length = 0;
});
afterEach(() => client.destroy());

async function send(options: Partial<Dispatcher.RequestOptions> = {}) {
  const answer = await client.request({ method: 'GET', path: '/', ...options });
  return { ...answer, body: Buffer.from(await answer.body.arrayBuffer()) };
}

function codeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return code ?? name;
}

function choose(request: ProxiedRequest): HttpFault | undefined {
  seen.push(request);
  return faults.shift();
}

function inject(...next: readonly (HttpFault | undefined)[]): void {
  faults = [...next];
}

describe('what is not broken', () => {
  test('reaches the server as it was sent, over one connection', async () => {
    const before = proxy.openConnections.current;
    const target = '/a/../b//c/%2e%2E/%c3%A9+?x=%20&y';
    const answer = await send({ path: target, method: 'PUT', body: BODY, headers: { 'X-Case': 'é' } });
    expect((await send()).body).toEqual(BODY);
    expect(answer.body).toEqual(BODY);
    expect(answer.headers['x-twice']).toEqual(['a', 'b']);
    expect(received[0]).toMatchObject({ target, body: BODY, headers: { host: proxy.url.slice('http://'.length) } });
    expect(seen[0]).toMatchObject({ target, method: 'PUT' });
    expect(proxy.openConnections.current).toBe(before + 1);
    expect(proxy.openConnections.peak).toBeGreaterThan(before);
    expect((await send({ method: 'HEAD' })).headers['content-length']).toBe(String(BODY.length));
  });
});

/** What the client notices of a fault that it cannot get past. */
const BROKEN: readonly (readonly [string, HttpFault, string])[] = [
  ['refused', { kind: 'refuse' }, 'UND_ERR_SOCKET|ECONNRESET'],
  ['reset before the head', { kind: 'resetBeforeHead' }, 'UND_ERR_SOCKET|ECONNRESET'],
  ['reset in the head', { kind: 'resetInHead' }, 'UND_ERR_SOCKET|ECONNRESET'],
  ['reset in the body', { kind: 'resetInBody', afterBytes: 3 }, 'UND_ERR_SOCKET|ECONNRESET'],
  ['stalled before the head', { kind: 'stall', at: 'head' }, 'UND_ERR_HEADERS_TIMEOUT'],
  ['stalled in the body', { kind: 'stall', at: 'body' }, 'UND_ERR_BODY_TIMEOUT'],
  ['stalled until the release', { kind: 'stall', at: 'head', releaseMs: 1 }, 'UND_ERR_SOCKET|ECONNRESET'],
  ['cut off', { kind: 'truncate', length: 'closed' }, 'UND_ERR_SOCKET'],
  ['lost', { kind: 'loseAnswer' }, 'UND_ERR_SOCKET|ECONNRESET'],
  ['no HTTP', { kind: 'garbage' }, 'HTTPParserError'],
  ['too short a length', { kind: 'lie', headers: { 'content-length': '7' } }, ''],
  ['too long a length', { kind: 'lie', headers: { 'content-length': '7000' } }, 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'],
];

test.each(BROKEN)('an answer that is %s breaks the exchange, and the next one is fine', async (_, fault, code) => {
  inject(fault, undefined, undefined);
  const before = proxy.injected.get(fault.kind) ?? 0;
  const end = await send().then(({ body }) => `${body.length} bytes`, codeOf);
  expect(end).toMatch(new RegExp(`^(?:${code === '' ? '7 bytes' : code})$`));
  expect(proxy.injected.get(fault.kind)).toBe(before + 1);
  const reached = !(fault.kind === 'refuse' || fault.kind === 'resetBeforeHead' || fault.kind === 'garbage');
  const isStalledHead = fault.kind === 'stall' && fault.at === 'head';
  expect(received).toHaveLength(reached && !isStalledHead ? 1 : 0);
  // One that was refused is refused once more.
  const after = await (fault.kind === 'refuse' ? send().catch(() => send()) : send());
  expect(after.body).toEqual(BODY);
});

const HALF = 500;
const SPOILT: readonly (readonly [string, HttpFault, Buffer, Readonly<Record<string, string | undefined>>])[] = [
  ['in small pieces', { kind: 'trickle', pieces: 3, pieceBytes: 2, delayMs: 1 }, BODY, { etag: '"right"' }],
  ['half', { kind: 'truncate', length: 'plausible' }, BODY.subarray(0, HALF - 1), { 'content-length': '499' }],
  ['half twice', { kind: 'duplicate', length: 'longer' }, Buffer.concat([BODY.subarray(0, HALF), BODY]), {}],
  [
    'half twice within its length',
    { kind: 'duplicate', length: 'kept' },
    Buffer.concat([BODY.subarray(0, HALF), BODY.subarray(0, HALF)]),
    { 'content-length': '1000' },
  ],
  ['under another ETag', { kind: 'lie', headers: { etag: '"other"' } }, BODY, { etag: '"other"' }],
  ['without an ETag', { kind: 'lie', headers: { etag: undefined } }, BODY, { etag: undefined }],
  [
    'without a length',
    { kind: 'lie', headers: { 'content-length': undefined } },
    BODY,
    { 'content-length': undefined },
  ],
  [
    'in an older version',
    { kind: 'stale', etag: 'old', body: Buffer.from('old') },
    Buffer.from('old'),
    { etag: '"old"' },
  ],
];

test.each(SPOILT)('an object comes %s', async (_, fault, body, headers) => {
  inject(fault);
  const answer = await send();
  expect(answer.body).toEqual(body);
  for (const [name, value] of Object.entries(headers)) expect(answer.headers[name]).toBe(value);
  expect((await send()).body).toEqual(BODY);
});

test('a corrupt answer has one byte that is another', async () => {
  inject({ kind: 'corrupt' });
  const { body } = await send();
  expect(body.length).toBe(BODY.length);
  expect([...body.keys()].filter((i) => body[i] !== BODY[i])).toEqual([HALF - 1]);
});

test('a compressed answer has a weak ETag', async () => {
  inject({ kind: 'compressed' });
  const { body, headers } = await send({ headers: { 'accept-encoding': 'identity' } });
  expect(gunzipSync(body)).toEqual(BODY);
  expect(headers).toMatchObject({ etag: 'W/"right"', 'content-encoding': 'gzip' });
});

test('a range is answered by the whole object, or by one of an older version', async () => {
  const range = { range: 'bytes=1-2' };
  inject({ kind: 'wholeForRange' }, { kind: 'stale', etag: 'old', body: Buffer.from('older') });
  expect(await send({ headers: range })).toMatchObject({ statusCode: 200, body: BODY });
  const older = await send({ headers: range });
  expect(older).toMatchObject({ statusCode: 206, body: Buffer.from('ld') });
  expect(older.headers['content-range']).toBe('bytes 1-2/5');
});

test('a refusal is in the words of its service, and does not reach the server', async () => {
  inject(
    { kind: 'status', status: 503, by: 's3', retryAfter: '7' },
    { kind: 'status', status: 403, by: 'cloudfront' },
    { kind: 'status', status: 429, by: 'gcs' },
    { kind: 'status', status: 502, by: 'frontEnd' },
  );
  const slow = await send({ method: 'PUT', body: BODY });
  expect(slow).toMatchObject({ statusCode: 503, headers: { 'retry-after': '7' } });
  expect(slow.body.toString()).toMatch(/<Code>SlowDown<.*<RequestId>/);
  expect((await send()).body.toString()).not.toMatch(/RequestId/);
  expect(JSON.parse((await send()).body.toString())).toMatchObject({
    error: { errors: [{ reason: 'rateLimitExceeded' }] },
  });
  expect((await send()).headers['content-type']).toBe('text/html');
  expect(received).toHaveLength(0);
});

test('a lost answer is one to a request that had its effect, a lost request one that came in half', async () => {
  inject({ kind: 'loseAnswer' }, { kind: 'loseRequest' });
  const reset = /^(?:UND_ERR_SOCKET|ECONNRESET)$/;
  expect(await send({ method: 'PUT', body: BODY }).catch(codeOf)).toMatch(reset);
  expect(await send({ method: 'PUT', body: BODY }).catch(codeOf)).toMatch(reset);
  expect(received.map(({ body }) => body?.length)).toEqual([BODY.length, undefined]);
});

test('a request is corrupted on its way', async () => {
  inject({ kind: 'corruptRequest' });
  await send({ method: 'PUT', body: BODY });
  const sent = received[0]?.body ?? Buffer.alloc(0);
  expect([...BODY.keys()].filter((i) => sent[i] !== BODY[i])).toEqual([HALF]);
});

test('an answer that comes twice is the answer to the next request', async () => {
  inject({ kind: 'answerTwice' });
  expect((await send({ headers: { range: 'bytes=0-3' } })).body).toEqual(BODY.subarray(0, 4));
  expect((await send()).body).toEqual(BODY.subarray(0, 4));
  expect(received).toHaveLength(2);
  expect((await send()).body).toEqual(BODY);
});
