import { startGcsServer, type GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const BUCKET = 'rehearsal';
const UNIT = 256 * 1024;
const CHECK = Buffer.from('123456789');
const CHECK_CRC32C = '4waSgw==';
const WRONG_CRC32C = 'AAAAAA==';

let server: GcsServer;

beforeEach(async () => {
  server = await startGcsServer({ buckets: [BUCKET] });
});
afterEach(() => server.close());

interface ErrorBody {
  error: { code: number; message: string; errors: { domain: string; reason: string; message: string }[] };
}

function multipart(
  metadata: object,
  bytes: Buffer,
  query = '',
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = Buffer.concat([
    Buffer.from(`--cut\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(metadata)}\r\n--cut\r\n\r\n`),
    bytes,
    Buffer.from('\r\n--cut--\r\n'),
  ]);
  return fetch(`${server.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=multipart${query}`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/related; boundary=cut', ...headers },
    body,
  });
}

async function startSession(metadata: object, headers: Record<string, string> = {}, query = ''): Promise<string> {
  const response = await fetch(`${server.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=resumable${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(metadata),
  });
  expect(response.status).toBe(200);
  return response.headers.get('location') ?? '';
}

function put(
  url: string,
  range: string | undefined,
  body?: Buffer,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: 'PUT',
    redirect: 'manual',
    headers: { ...headers, ...(range === undefined ? {} : { 'content-range': range }) },
    ...(body === undefined ? {} : { body }),
  });
}

const stored = async (name: string): Promise<Buffer | undefined> => (await server.objects.object(BUCKET, name))?.bytes;

describe('an upload in one request', () => {
  it('stores what a multipart body says and answers its resource', async () => {
    const metadata = {
      name: 'a/ü+%',
      contentType: 'text/plain',
      cacheControl: 'no-store',
      metadata: { k: 'ä' },
      crc32c: CHECK_CRC32C,
    };
    const response = await multipart(metadata, CHECK, '&predefinedAcl=private&contentEncoding=identity');
    expect(response.status).toBe(200);
    const resource = (await response.json()) as Record<string, unknown>;
    expect(resource).toMatchObject({
      kind: 'storage#object',
      ...metadata,
      bucket: BUCKET,
      size: '9',
      contentEncoding: 'identity',
      md5Hash: createHash('md5').update(CHECK).digest('base64'),
      storageClass: 'STANDARD',
      metageneration: '1',
      mediaLink: expect.stringContaining(
        `${server.url}/download/storage/v1/b/${BUCKET}/o/a%2F%C3%BC%2B%25?generation=`,
      ),
    });
    expect(await stored('a/ü+%')).toEqual(CHECK);
    expect(server.stats.uploads(BUCKET)).toEqual(new Map([['a/ü+%', 1]]));
  });

  it('takes the name and the checksum of a media upload from query and header', async () => {
    const upload = (hash: string) =>
      fetch(`${server.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=media&name=media`, {
        method: 'POST',
        headers: { 'content-type': 'text/css', 'x-goog-hash': hash },
        body: CHECK,
      });
    expect((await upload(`crc32c=${WRONG_CRC32C}`)).status).toBe(400);
    expect(server.objects.names(BUCKET)).toEqual([]);
    expect(await (await upload(`crc32c=${CHECK_CRC32C},md5=JfnnlDI7RTiF9RgfG2JNCw==`)).json()).toMatchObject({
      name: 'media',
      contentType: 'text/css',
      crc32c: CHECK_CRC32C,
    });
  });

  it('stores nothing where a checksum differs, and names every one that does', async () => {
    const response = await multipart({ name: 'bad', crc32c: WRONG_CRC32C, md5Hash: 'x' }, CHECK);
    expect(response.status).toBe(400);
    const { error } = (await response.json()) as ErrorBody;
    expect(error.message).toBe(`Provided CRC32C "${WRONG_CRC32C}" doesn't match calculated CRC32C "${CHECK_CRC32C}".`);
    expect(error.errors.map(({ reason }) => reason)).toEqual(['invalid', 'invalid']);
    expect(error.errors[1]?.message).toMatch(/^Provided MD5 hash "x" doesn't match calculated MD5 hash "/);
    expect(server.objects.names(BUCKET)).toEqual([]);
    expect(server.stats.uploads(BUCKET).size).toBe(0);
  });

  it('creates an object once where ifGenerationMatch is 0', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 8 }, async () => (await multipart({ name: 'once' }, CHECK, '&ifGenerationMatch=0')).status),
    );
    expect(statuses.toSorted((left, right) => left - right)).toEqual([200, 412, 412, 412, 412, 412, 412, 412]);
  });

  it('gives every write a higher generation', async () => {
    const first = server.objects.put(BUCKET, 'x', '1');
    const second = server.objects.put(BUCKET, 'x', '2');
    expect(BigInt(second.generation)).toBeGreaterThan(BigInt(first.generation));
    const stale = await multipart({ name: 'x' }, CHECK, `&ifGenerationMatch=${first.generation}`);
    expect(stale.status).toBe(412);
    expect(((await stale.json()) as ErrorBody).error.errors[0]).toMatchObject({ reason: 'conditionNotMet' });
    expect((await multipart({ name: 'x' }, CHECK, `&ifGenerationMatch=${second.generation}`)).status).toBe(200);
  });

  it.each(['', '.', '..', 'a\nb', 'a\rb', '.well-known/acme-challenge/x', 'é'.repeat(513), '\ud800'])(
    'refuses the name %j',
    async (name) => {
      expect((await multipart({ name }, CHECK)).status).toBe(400);
      expect(server.objects.names(BUCKET)).toEqual([]);
    },
  );

  it.each(['é'.repeat(512), '...', '../x', '/', 'a//b', '.well-known/x', '\u0001', 'a?b#c', '😀'])(
    'stores an object under the name %j',
    async (name) => {
      expect((await multipart({ name }, CHECK)).status).toBe(200);
      expect(server.objects.names(BUCKET)).toEqual([name]);
    },
  );

  it('refuses metadata beyond 8 KiB, other content types than announced, and buckets that do not exist', async () => {
    expect((await multipart({ name: 'x', metadata: { k: 'v'.repeat(8_192) } }, CHECK)).status).toBe(400);
    const elsewhere = `${server.url}/upload/storage/v1/b/elsewhere/o?uploadType=media&name=x`;
    const missing = await fetch(elsewhere, { method: 'POST', body: CHECK });
    expect(missing.status).toBe(404);
    expect(((await missing.json()) as ErrorBody).error).toMatchObject({ code: 404, errors: [{ reason: 'notFound' }] });
    const typed = fetch(`${server.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=multipart`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/related; boundary=cut' },
      body: '--cut\r\n\r\n{"name":"x","contentType":"a/b"}\r\n--cut\r\nContent-Type: c/d\r\n\r\nx\r\n--cut--',
    });
    expect(((await (await typed).json()) as ErrorBody).error.message).toMatch(/^Content-Type specified in the upload/);
  });
});

describe('a resumable upload', () => {
  const bytes = Buffer.alloc(2 * UNIT + 1_000, 'abcdefg');

  it('stores one PUT without a range', async () => {
    const url = await startSession({ name: 'one', contentType: 'text/plain' });
    expect(url).toMatch(new RegExp(`^${server.url}/upload/storage/v1/b/${BUCKET}/o\\?.*upload_id=`));
    expect((await put(url, undefined, bytes)).status).toBe(200);
    expect(await stored('one')).toEqual(bytes);
  });

  it('stores chunks, and says in between how far it is', async () => {
    const url = await startSession({}, { 'x-upload-content-type': 'a/b' }, '&name=chunks');
    const status = await put(url, 'bytes */*');
    expect([status.status, status.headers.get('range')]).toEqual([308, null]);
    const first = await put(url, `bytes 0-${UNIT - 1}/*`, bytes.subarray(0, UNIT));
    expect([first.status, first.headers.get('range')]).toEqual([308, `bytes=0-${UNIT - 1}`]);
    const second = await put(url, `bytes ${UNIT}-${2 * UNIT - 1}/${bytes.length}`, bytes.subarray(UNIT, 2 * UNIT));
    expect([second.status, second.headers.get('range')]).toEqual([308, `bytes=0-${2 * UNIT - 1}`]);
    expect(server.objects.names(BUCKET)).toEqual([]);
    const last = await put(url, `bytes ${2 * UNIT}-${bytes.length - 1}/${bytes.length}`, bytes.subarray(2 * UNIT));
    expect(await last.json()).toMatchObject({ name: 'chunks', contentType: 'a/b', size: String(bytes.length) });
    expect(await stored('chunks')).toEqual(bytes);
    const again = await put(url, `bytes */${bytes.length}`);
    expect([again.status, ((await again.json()) as { name: string }).name]).toEqual([200, 'chunks']);
    expect(server.stats.uploads(BUCKET).get('chunks')).toBe(1);
  });

  it('disguises 308 for a client that asks for it', async () => {
    const url = await startSession({ name: 'go' });
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-range': `bytes 0-${UNIT - 1}/*`, 'x-guploader-no-308': 'yes' },
      body: bytes.subarray(0, UNIT),
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-http-status-code-override')).toBe('308');
    expect(response.headers.get('range')).toBe(`bytes=0-${UNIT - 1}`);
  });

  it('keeps whole units of 256 KiB of a request that breaks, and resumes after them', async () => {
    const { promise: arrival, resolve: arrive } = Promise.withResolvers<IncomingMessage>();
    await server.close();
    server = await startGcsServer({
      buckets: [BUCKET],
      intercept(incoming) {
        if (incoming.method === 'PUT') arrive(incoming);
        return false;
      },
    });
    const url = await startSession({ name: 'broken' });
    const broken = request(url, {
      method: 'PUT',
      headers: { 'content-length': bytes.length, 'content-range': `bytes 0-${bytes.length - 1}/${bytes.length}` },
    });
    const failed = once(broken, 'error');
    broken.write(bytes.subarray(0, 2 * UNIT - 1));
    const { socket } = await arrival;
    while (socket.bytesRead < 2 * UNIT) await setImmediate();
    // The status query ends the request that is still under way.
    const status = await put(url, `bytes */${bytes.length}`);
    await failed;
    expect([status.status, status.headers.get('range')]).toEqual([308, `bytes=0-${UNIT - 1}`]);
    expect(server.objects.names(BUCKET)).toEqual([]);
    const persisted = UNIT;
    const rest = await put(url, `bytes ${persisted}-${bytes.length - 1}/${bytes.length}`, bytes.subarray(persisted));
    expect(rest.status).toBe(200);
    expect(await stored('broken')).toEqual(bytes);
  });

  it('skips what a client sends again', async () => {
    const url = await startSession({ name: 'again' });
    await put(url, `bytes 0-${UNIT - 1}/*`, bytes.subarray(0, UNIT));
    expect((await put(url, `bytes 0-${bytes.length - 1}/${bytes.length}`, bytes)).status).toBe(200);
    expect(await stored('again')).toEqual(bytes);
  });

  it('stores an empty object, by a total of zero and by an empty body', async () => {
    expect((await put(await startSession({ name: 'a' }), 'bytes */0')).status).toBe(200);
    expect((await put(await startSession({ name: 'b' }), undefined)).status).toBe(200);
    expect((await put(await startSession({ name: 'c' }), 'bytes 0--1/0')).status).toBe(200);
    expect(server.objects.names(BUCKET)).toEqual(['a', 'b', 'c']);
  });

  it('stores an upload under the address of the resumable host', async () => {
    const response = await fetch(
      `${server.url}/resumable/upload/storage/v1/b/${BUCKET}/o?uploadType=resumable&name=r`,
      { method: 'POST' },
    );
    const url = response.headers.get('location') ?? '';
    expect(url).toContain('/resumable/upload/storage/v1/');
    expect((await put(url, undefined, CHECK)).status).toBe(200);
  });

  it('refuses a chunk that is no multiple of 256 KiB, a gap, and bytes beyond the declared length', async () => {
    const url = await startSession({ name: 'x' }, { 'x-upload-content-length': String(UNIT) });
    expect((await put(url, 'bytes 0-99/*', bytes.subarray(0, 100))).status).toBe(400);
    const gap = await put(url, `bytes ${UNIT}-${2 * UNIT - 1}/*`, bytes.subarray(0, UNIT));
    expect(((await gap.json()) as ErrorBody).error.message).toMatch(/exceeds already uploaded size of 0 byte/);
    expect((await put(url, undefined, bytes)).status).toBe(400);
    expect((await put(url, `bytes 0-${bytes.length - 1}/${bytes.length}`, bytes)).status).toBe(400);
    expect((await put(url, `bytes 0-${UNIT - 1}/${UNIT}`, bytes.subarray(0, 9))).status).toBe(400);
    expect(server.objects.names(BUCKET)).toEqual([]);
    expect((await put(url, `bytes 0-${UNIT - 1}/${UNIT}`, bytes.subarray(0, UNIT))).status).toBe(200);
  });

  it('refuses an upload that ends before its declared length', async () => {
    const url = await startSession({ name: 'short' }, { 'x-upload-content-length': '100' });
    expect((await put(url, undefined, CHECK)).status).toBe(400);
    expect(server.objects.names(BUCKET)).toEqual([]);
  });

  it('validates the checksums announced at its start and with its last request', async () => {
    const atStart = await startSession({ name: 'x', crc32c: WRONG_CRC32C });
    expect((await put(atStart, undefined, CHECK)).status).toBe(400);
    expect((await put(atStart, 'bytes */*')).status).toBe(404);
    const atEnd = await startSession({ name: 'x' });
    expect((await put(atEnd, undefined, CHECK, { 'x-goog-hash': `crc32c=${WRONG_CRC32C}` })).status).toBe(400);
    const right = await startSession({ name: 'x', crc32c: CHECK_CRC32C });
    expect((await put(right, undefined, CHECK, { 'x-goog-hash': `crc32c=${CHECK_CRC32C}` })).status).toBe(200);
  });

  it('checks its preconditions at the start, and again at the end', async () => {
    const url = await startSession({ name: 'x' }, {}, '&ifGenerationMatch=0');
    server.objects.put(BUCKET, 'x', 'somebody was faster');
    expect((await put(url, undefined, CHECK)).status).toBe(412);
    const late = await fetch(
      `${server.url}/upload/storage/v1/b/${BUCKET}/o?uploadType=resumable&name=x&ifGenerationMatch=0`,
      { method: 'POST' },
    );
    expect(late.status).toBe(412);
    expect((await stored('x'))?.toString()).toBe('somebody was faster');
  });

  it('ends with 499 when it is cancelled', async () => {
    const url = await startSession({ name: 'x' });
    await put(url, `bytes 0-${UNIT - 1}/*`, bytes.subarray(0, UNIT));
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(499);
    expect((await put(url, 'bytes */*')).status).toBe(404);
  });
});
