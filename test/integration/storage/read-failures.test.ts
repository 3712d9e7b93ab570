import { gzipSync } from 'node:zlib';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import type { ObjectReader, ReadRequest } from '@object-transfer/core/ports/object-source';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectReader } from '@object-transfer/core/storage/s3-object-reader';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  answer,
  breakOff,
  hangUp,
  s3Error,
  silence,
  stall,
  startScriptedServer,
  type Step,
} from './scripted-server.ts';

const POOL = { connections: 4, connectTimeoutMs: 2000, headersTimeoutMs: 400, bodyTimeoutMs: 400 };
const never = new AbortController().signal;

let server: Awaited<ReturnType<typeof startScriptedServer>>;
let cdn: ObjectReader;
beforeAll(async () => {
  server = await startScriptedServer();
});
beforeEach(() => {
  cdn = createCdnObjectReader({ urlHostPre: `${server.url}/`, signing: { kind: 'none' }, pool: POOL });
});
afterEach(() => cdn.close());
afterAll(() => server.close());

/** Set by the describes that go through everything twice. */
let streamed = false;

function read(more: Partial<ReadRequest> = {}) {
  return cdn.read({ key: 'a/b c', signal: never, streamed, ...more });
}

async function readBody(more: Partial<ReadRequest> = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await read(more)).body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function credentials() {
  return Promise.resolve({ accessKeyId: 'AKID', secretAccessKey: 'SECRET', sessionToken: 'TOKEN' });
}

describe.each([
  ['in one piece', false],
  ['streamed', true],
])('an object read %s', (_way, isStreamed) => {
  beforeAll(() => {
    streamed = isStreamed;
  });

  describe('a refused request', () => {
    const cases: readonly (readonly [string, Step, string, boolean])[] = [
      ['404 NoSuchKey', s3Error(404, 'NoSuchKey'), 'SOURCE_NOT_FOUND', false],
      ['404 NoSuchBucket', s3Error(404, 'NoSuchBucket'), 'CONFIG_BUCKET_MISSING', false],
      ['404 without a body', answer(404), 'SOURCE_NOT_FOUND', false],
      ['403 AccessDenied of S3', s3Error(403, 'AccessDenied'), 'SOURCE_FORBIDDEN', false],
      ['403 InvalidObjectState', s3Error(403, 'InvalidObjectState'), 'SOURCE_ARCHIVED', false],
      ['403 SignatureDoesNotMatch', s3Error(403, 'SignatureDoesNotMatch'), 'SOURCE_SIGNATURE_REJECTED', false],
      ['403 as a page of a firewall', answer(403, {}, '<html>Request blocked</html>'), 'SOURCE_FORBIDDEN', false],
      ['400 ExpiredToken', s3Error(400, 'ExpiredToken'), 'SOURCE_SIGNATURE_REJECTED', false],
      ['400 RequestTimeout', s3Error(400, 'RequestTimeout'), 'SOURCE_UNAVAILABLE', true],
      ['400 of another kind', s3Error(400, 'InvalidArgument'), 'SOURCE_REJECTED', false],
      ['408', answer(408), 'SOURCE_UNAVAILABLE', true],
      ['412', s3Error(412, 'PreconditionFailed'), 'SOURCE_CHANGED', false],
      ['416', s3Error(416, 'InvalidRange'), 'SOURCE_CHANGED', false],
      ['429', answer(429), 'SOURCE_THROTTLED', true],
      ['500', s3Error(500, 'InternalError'), 'SOURCE_UNAVAILABLE', true],
      ['503 SlowDown', s3Error(503, 'SlowDown'), 'SOURCE_THROTTLED', true],
      ['503 of another kind', answer(503), 'SOURCE_UNAVAILABLE', true],
      ['504', answer(504, {}, '<html>gateway</html>'), 'SOURCE_UNAVAILABLE', true],
      ['301', answer(301, { location: 'https://elsewhere.example/?Signature=secret' }), 'SOURCE_REJECTED', false],
    ];
    test.each(cases)('by %s', async (_, step, code, retryable) => {
      server.script(step);
      await expect(read()).rejects.toMatchObject({ code, retryable, op: 'GetObject', source: `${server.url}/a/b%20c` });
    });

    test.each([
      ['<Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>'],
      ['<Error><Code>MissingKey</Code><Message>Missing Key-Pair-Id query parameter or cookie value</Message></Error>'],
      ['<Error><Code>MalformedPolicy</Code><Message>Malformed Policy</Message></Error>'],
      ['<Error><Code>InvalidKey</Code><Message>Unknown Key</Message></Error>'],
    ])('by CloudFront itself is a refused signature: %s', async (body) => {
      server.script(answer(403, { server: 'CloudFront' }, body));
      await expect(read()).rejects.toMatchObject({ code: 'SOURCE_SIGNATURE_REJECTED' });
    });

    test('says how long to wait', async () => {
      server.script(answer(503, { 'retry-after': '7' }));
      await expect(read()).rejects.toMatchObject({ retryAfterMs: 7000 });
    });

    test('is known by its code even when its body never ends', async () => {
      const endless = s3ErrorBody('SlowDown') + ' '.repeat(1_000_000);
      server.script(stall(503, { 'content-length': '900000000' }, endless));
      await expect(read()).rejects.toMatchObject({ code: 'SOURCE_THROTTLED' });
    });

    test('names neither query nor signature', async () => {
      const connection = createS3Connection({
        bucket: 'b',
        region: 'r',
        endpointUrl: server.url,
        credentials,
        pool: POOL,
      });
      server.script(answer(500));
      const error: unknown = await createS3ObjectReader(connection)
        .read({ key: 'k', signal: never })
        .catch((thrown: unknown) => thrown);
      await connection.close();
      expect(error).toMatchObject({ code: 'SOURCE_UNAVAILABLE', source: 's3://b/k' });
      const { authorization } = server.requests[0]?.headers ?? {};
      expect(authorization).toContain('Signature=');
      expect(JSON.stringify(error) + String(error)).not.toMatch(/SECRET|TOKEN|Signature|AWS4/);
    });
  });

  describe('a connection', () => {
    test.each([
      ['that is hung up', hangUp()],
      ['that stays silent', silence()],
      [
        'that answers no HTTP',
        (_: unknown, request: { socket: { end(text: string): void } }) => request.socket.end('SMTP ready\r\n'),
      ],
    ] as const)('%s is worth another try', async (_, step) => {
      server.script(step);
      await expect(read()).rejects.toMatchObject({ code: 'SOURCE_CONNECTION', retryable: true });
    });

    test('that is refused is worth another try', async () => {
      const nobody = await startScriptedServer();
      await nobody.close();
      const reader = createCdnObjectReader({ urlHostPre: `${nobody.url}/`, signing: { kind: 'none' }, pool: POOL });
      await expect(reader.read({ key: 'k', signal: never })).rejects.toMatchObject({
        code: 'SOURCE_CONNECTION',
        message: expect.stringContaining('ECONNREFUSED') as string,
      });
      await reader.close();
    });

    test.each([
      ['that breaks off in the middle of the body', breakOff(200, { 'content-length': '100' }, 'half')],
      ['that breaks off a body of unknown length', breakOff(200, { 'transfer-encoding': 'chunked' }, 'half')],
      ['that stalls in the middle of the body', stall(200, { 'content-length': '100' }, 'half')],
    ] as const)('%s is worth another try', async (_, step) => {
      server.script(step);
      await expect(readBody()).rejects.toMatchObject({ code: 'SOURCE_CONNECTION', retryable: true });
    });

    test('that breaks before anybody reads the body ends nothing but the read', async () => {
      server.script(breakOff(200, { 'content-length': '100' }, 'half'));
      const content = await read();
      const broken = once(content);
      await expect(broken).rejects.toMatchObject({ code: 'SOURCE_CONNECTION' });
    });

    test('ends in the middle of the body with the reason of the abort', async () => {
      server.script(stall(200, { 'content-length': '100' }, 'half'));
      const controller = new AbortController();
      const reason = new Error('enough');
      const content = await read({ signal: controller.signal });
      const reading = once(content);
      controller.abort(reason);
      await expect(reading).rejects.toBe(reason);
    });
  });

  describe('a range', () => {
    const range = { start: 10, end: 19 };
    const part = '0123456789';
    const notHonoured = { code: 'SOURCE_RANGE_NOT_HONOURED', retryable: true };

    test('is read where status and Content-Range agree', async () => {
      server.script(answer(206, { 'content-range': 'bytes 10-19/*' }, part));
      const content = await read({ range, ifMatch: 'abc' });
      expect(content).toMatchObject({ bodyBytes: 10, objectBytes: undefined });
      expect(server.requests[0]?.headers).toMatchObject({ range: 'bytes=10-19', 'if-match': '"abc"' });
      content.cancel();
    });

    test.each([
      ['the whole object', answer(200, {}, 'x'.repeat(100))],
      ['no Content-Range', answer(206, {}, part)],
      ['another start', answer(206, { 'content-range': 'bytes 9-18/100' }, part)],
      ['another end', answer(206, { 'content-range': 'bytes 10-18/100' }, part)],
      ['another length', answer(206, { 'content-range': 'bytes 10-19/100' }, part.slice(1))],
      ['nonsense', answer(206, { 'content-range': 'bytes 19-10/5' }, part)],
    ])('is not taken for what it is not: %s', async (_, step) => {
      server.script(step);
      await expect(read({ range })).rejects.toMatchObject(notHonoured);
    });

    test.each(['012345678', '0123456789x'])('of unknown length must end where it should: %j', async (body) => {
      server.script((response) => {
        response.writeHead(206, { 'content-range': 'bytes 10-19/100', 'transfer-encoding': 'chunked' }).end(body);
      });
      await expect(readBody({ range })).rejects.toMatchObject({ code: 'SOURCE_SIZE_MISMATCH', retryable: true });
    });

    test('answered with gigabytes is left unread', async () => {
      let closed: Promise<unknown> | undefined;
      server.script((response) => {
        closed = new Promise((resolve) => response.on('close', resolve));
        response.writeHead(200, { 'content-length': '5000000000' });
        // As much as the reader takes: what stalls would be given up anyway.
        const piece = Buffer.alloc(65_536);
        const feed = () => {
          while (!response.destroyed && response.write(piece));
        };
        response.on('drain', feed);
        feed();
      });
      await expect(read({ range })).rejects.toMatchObject(notHonoured);
      await closed;
    });

    test('that was not asked for is not taken for the whole', async () => {
      server.script(answer(206, { 'content-range': 'bytes 0-9/100' }, part));
      await expect(read()).rejects.toMatchObject(notHonoured);
    });
  });

  describe('an answer', () => {
    test('of a compressing cache is handed on as it is, with its weak ETag', async () => {
      const bytes = gzipSync('text');
      server.script(
        answer(200, { etag: 'W/"abc"', 'content-encoding': 'gzip', 'x-cache': 'Hit from cloudfront' }, bytes),
      );
      const content = await read();
      expect(content).toMatchObject({ etag: 'abc', weakEtag: true, fromCache: true });
      expect(content.properties.contentEncoding).toBe('gzip');
      expect(await collect(content.body)).toEqual(bytes);
      expect(server.requests[0]?.headers['accept-encoding']).toBe('identity');
    });

    test.each([
      ['RefreshHit from cloudfront', false],
      ['Miss from cloudfront', false],
      ['Hit from cloudfront', true],
    ])('with X-Cache: %s is told apart', async (cache, fromCache) => {
      server.script(answer(200, { 'x-cache': cache }));
      const content = await read();
      content.cancel();
      expect(content.fromCache).toBe(fromCache);
    });

    test('without headers says nothing about the object', async () => {
      server.script((response) => {
        response.sendDate = false;
        response.writeHead(200, { 'transfer-encoding': 'chunked' }).end('abc');
      });
      const content = await read();
      expect(content).toMatchObject({ bodyBytes: undefined, objectBytes: undefined, etag: undefined });
      expect(content.properties.contentType).toBeUndefined();
      expect((await collect(content.body)).toString()).toBe('abc');
    });
  });
});

function s3ErrorBody(code: string): string {
  return `<Error><Code>${code}</Code><RequestId>R</RequestId></Error>`;
}

async function once(content: { readonly body: AsyncIterable<Uint8Array> }): Promise<void> {
  for await (const chunk of content.body) expect(chunk.length).toBeGreaterThan(0);
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function stat(step: Step) {
  server.script(step);
  const connection = createS3Connection({
    bucket: 'b',
    region: 'r',
    endpointUrl: server.url,
    credentials: 'anonymous',
    pool: POOL,
  });
  try {
    return await createS3ObjectStater(connection).stat('k', never);
  } finally {
    await connection.close();
  }
}

describe('a HEAD', () => {
  test('says that 403 may be a missing key', async () => {
    await expect(stat(answer(403))).rejects.toMatchObject({
      code: 'SOURCE_FORBIDDEN',
      message: expect.stringContaining('s3:ListBucket') as string,
    });
  });

  test('names the region where the bucket really is', async () => {
    await expect(stat(answer(301, { 'x-amz-bucket-region': 'eu-west-1' }))).rejects.toMatchObject({
      code: 'SOURCE_REJECTED',
      message: expect.stringContaining('eu-west-1') as string,
    });
  });

  test('without size or ETag is no answer', async () => {
    await expect(stat(answer(200))).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE', retryable: true });
  });

  test('goes unsigned to an anonymous bucket', async () => {
    expect(await stat(answer(404))).toBeUndefined();
    expect(server.requests[0]).toMatchObject({ method: 'HEAD', target: '/b/k' });
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });
});
