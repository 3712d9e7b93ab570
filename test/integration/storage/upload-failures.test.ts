import { setTimeout as delay } from 'node:timers/promises';
import type { ObjectDestination, ObjectUpload, UploadRequest } from '@object-transfer/core/ports/object-destination';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { GcsTokenSource } from '@object-transfer/core/storage/gcs-token-source';
import { afterEach, describe, expect, test } from 'vitest';
import { head, startRawServer, type RawPeer, type RawServer } from './raw-server.ts';

const POOL = { connections: 4, connectTimeoutMs: 2_000, headersTimeoutMs: 400, bodyTimeoutMs: 400 };
const KIB = 1024;
/** Of a session: a first request of 512 KiB, and a last one of the rest. */
const CONTENT = Buffer.alloc(600 * KIB + 1, 'content ');
const FIRST_BYTES = 512 * KIB;
const LAST_BYTES = CONTENT.length - 2 * FIRST_BYTES + FIRST_BYTES;
const never = new AbortController().signal;
const OBJECT = '{"name":"n","size":"614401","generation":"5","crc32c":"AAAAAQ=="}';

type Phase = 'multipart' | 'start' | 'first' | 'last' | 'cancel';
/** Answers a request whose head has come, and whose body may not have; `undefined`: as GCS does when all is well. */
type Fault = (peer: RawPeer, phase: Phase, bodyBytes: number) => Promise<void> | undefined;

/** A GCS that takes uploads as it should, but where the fault says otherwise. */
class FaultyGcs {
  readonly phases: Phase[] = [];
  readonly heads: string[] = [];
  fault: Fault = () => undefined;
  location = '';
  #server: RawServer | undefined;

  async start(): Promise<RawServer> {
    const server = await startRawServer(async (peer) => {
      for (;;) {
        const request = await peer.request().catch(() => undefined);
        if (request === undefined) return;
        await this.#serve(peer, request);
      }
    });
    this.location = `${server.url}/session?upload_id=1`;
    this.#server = server;
    return server;
  }

  get server(): RawServer {
    if (this.#server === undefined) throw new TypeError('not started');
    return this.#server;
  }

  async #serve(peer: RawPeer, request: string): Promise<void> {
    const phase = phaseOf(request);
    const bodyBytes = Number(/\r\ncontent-length: (\d+)/i.exec(request)?.[1] ?? 0);
    this.phases.push(phase);
    this.heads.push(request);
    const mistreated = this.fault(peer, phase, bodyBytes);
    if (mistreated !== undefined) {
      await mistreated;
      return;
    }
    await peer.bytes(bodyBytes);
    if (phase === 'start') await reply(peer, 200, '', `location: ${this.location}`);
    else if (phase === 'first') await reply(peer, 308, '', `range: bytes=0-${bodyBytes - 1}`);
    else if (phase === 'cancel') await reply(peer, 499, '');
    else await reply(peer, 200, OBJECT);
  }
}

function phaseOf(request: string): Phase {
  if (request.startsWith('DELETE')) return 'cancel';
  if (request.startsWith('POST')) return request.includes('uploadType=multipart') ? 'multipart' : 'start';
  return /x-goog-hash/i.test(request) ? 'last' : 'first';
}

async function reply(peer: RawPeer, status: number, body: string, ...lines: readonly string[]): Promise<void> {
  await peer.write(head(`HTTP/1.1 ${status} X`, `content-length: ${Buffer.byteLength(body)}`, ...lines) + body);
}

function errorBody(status: number, reason: string, message = 'Because.'): string {
  return JSON.stringify({ error: { code: status, message, errors: [{ reason, message }] } });
}

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

async function startGcs(tokens?: GcsTokenSource): Promise<{ gcs: FaultyGcs; destination: ObjectDestination }> {
  const gcs = new FaultyGcs();
  const server = await gcs.start();
  const destination = createGcsObjectDestination({ bucket: 'b', emulatorHost: server.url, pool: POOL, tokens });
  cleanUp.push(async () => {
    await destination.close();
    while (server.open > 0) await delay(2);
    await server.close();
    expect(server.errors).toEqual([]);
  });
  return { gcs, destination };
}

type Kind = 'one request' | 'session';

function open(destination: ObjectDestination, kind: Kind, more: Partial<UploadRequest> = {}): Promise<ObjectUpload> {
  return destination.openUpload({
    name: 'n',
    sizeBytes: CONTENT.length,
    properties: { metadata: {} },
    ifGenerationMatch: '0',
    md5: kind === 'one request' ? '00'.repeat(16) : undefined,
    signal: never,
    ...more,
  });
}

/** The whole of it, as a caller must do it. */
async function upload(destination: ObjectDestination, kind: Kind, more: Partial<UploadRequest> = {}): Promise<unknown> {
  const opened = await open(destination, kind, more);
  try {
    for (let at = 0; at < CONTENT.length; at += 100_000) await opened.write(CONTENT.subarray(at, at + 100_000));
    return await opened.finish(1);
  } catch (error) {
    await opened.abort();
    throw error;
  }
}

const requests: readonly (readonly [Kind, Phase])[] = [
  ['one request', 'multipart'],
  ['session', 'start'],
  ['session', 'first'],
  ['session', 'last'],
];

test('what GCS is told of a session', async () => {
  const { gcs, destination } = await startGcs();
  expect(await upload(destination, 'session')).toMatchObject({ name: 'n', generation: '5', crc32c: 1 });
  expect(gcs.phases).toEqual(['start', 'first', 'last']);
  const [start = '', first = '', last = ''] = gcs.heads;
  expect(start).toContain(`x-upload-content-length: ${CONTENT.length}`);
  expect(first).toContain(`content-range: bytes 0-${FIRST_BYTES - 1}/${CONTENT.length}`);
  expect(first).not.toContain('x-goog-hash');
  expect(last).toContain(`content-range: bytes ${FIRST_BYTES}-${CONTENT.length - 1}/${CONTENT.length}`);
  expect(last).toContain('x-goog-hash: crc32c=AAAAAQ==');
  expect(last).toContain(`content-length: ${LAST_BYTES}`);
});

describe.each(requests)('an upload by %s, at its request "%s"', (kind, where) => {
  const statuses: readonly (readonly [number, string, string, boolean])[] = [
    [400, errorBody(400, 'invalid'), 'DESTINATION_REJECTED', false],
    [
      400,
      errorBody(400, 'invalid', 'Provided CRC32C "AAAAAQ==" doesn\'t match calculated CRC32C "x".'),
      'DESTINATION_CHECKSUM_REJECTED',
      true,
    ],
    [403, errorBody(403, 'forbidden'), 'DESTINATION_FORBIDDEN', false],
    [403, errorBody(403, 'rateLimitExceeded'), 'DESTINATION_THROTTLED', true],
    [408, '', 'DESTINATION_UNAVAILABLE', true],
    [409, errorBody(409, 'conflict'), 'DESTINATION_UNAVAILABLE', true],
    [412, errorBody(412, 'conditionNotMet'), 'DESTINATION_PRECONDITION_FAILED', false],
    [413, errorBody(413, 'uploadTooLarge'), 'DESTINATION_REJECTED', false],
    [429, errorBody(429, 'rateLimitExceeded'), 'DESTINATION_THROTTLED', true],
    [500, '<html>', 'DESTINATION_UNAVAILABLE', true],
    [503, errorBody(503, 'backendError'), 'DESTINATION_UNAVAILABLE', true],
  ];
  test.each(statuses)('is refused by %d %s', async (status, body, code, retryable) => {
    const { gcs, destination } = await startGcs();
    gcs.fault = (peer, phase, bytes) =>
      phase === where ? peer.bytes(bytes).then(() => reply(peer, status, body)) : undefined;
    await expect(upload(destination, kind)).rejects.toMatchObject({
      code,
      retryable,
      httpStatus: status,
      op: 'objects.insert',
      destination: 'gs://b/n',
    });
    expect(gcs.phases.filter((phase) => phase === where)).toHaveLength(1);
    // What was begun is given up.
    expect(gcs.phases.includes('cancel')).toBe(where === 'first' || where === 'last');
  });

  test('names a missing bucket', async () => {
    const { gcs, destination } = await startGcs();
    const body = errorBody(404, 'notFound', 'The specified bucket does not exist.');
    gcs.fault = (peer, phase, bytes) =>
      phase === where ? peer.bytes(bytes).then(() => reply(peer, 404, body)) : undefined;
    // A session that is gone says 404, too: a new one tells.
    const inSession = where === 'first' || where === 'last';
    await expect(upload(destination, kind)).rejects.toMatchObject({
      code: inSession ? 'DESTINATION_UNAVAILABLE' : 'DESTINATION_NOT_FOUND',
      retryable: inSession,
    });
  });

  const connections: readonly (readonly [string, (peer: RawPeer, bytes: number) => Promise<void>])[] = [
    ['breaks at once', async (peer) => void peer.socket.resetAndDestroy()],
    [
      'ends in the middle of the body',
      (peer, bytes) => peer.bytes(Math.floor(bytes / 2)).then(() => void peer.socket.destroy()),
    ],
    ['ends before the answer', (peer, bytes) => peer.bytes(bytes).then(() => void peer.socket.end())],
    ['is silent', (peer, bytes) => peer.bytes(bytes).then(() => peer.closed)],
    ['does not speak HTTP', (peer, bytes) => peer.bytes(bytes).then(() => peer.write('220 smtp\r\n\r\n'))],
    [
      'ends within the answer',
      async (peer, bytes) => {
        await peer.bytes(bytes);
        await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 500')}{"name":`);
        peer.socket.end();
      },
    ],
  ];
  test.each(connections)('may be tried again where the connection %s', async (_, work) => {
    const { gcs, destination } = await startGcs();
    gcs.fault = (peer, phase, bytes) => (phase === where ? work(peer, bytes) : undefined);
    await expect(upload(destination, kind)).rejects.toMatchObject({ code: 'DESTINATION_CONNECTION', retryable: true });
  });

  test('may be tried again where the answer says nothing', async () => {
    const { gcs, destination } = await startGcs();
    gcs.fault = (peer, phase, bytes) =>
      phase === where ? peer.bytes(bytes).then(() => reply(peer, 200, '{}')) : undefined;
    await expect(upload(destination, kind)).rejects.toMatchObject({ code: 'DESTINATION_UNAVAILABLE', retryable: true });
  });

  test.each([false, true])('ends with the reason of the abort, body sent: %j', async (isBodySent) => {
    const { gcs, destination } = await startGcs();
    const controller = new AbortController();
    const reason = new Error('enough');
    gcs.fault = (peer, phase, bytes) => {
      if (phase !== where) return undefined;
      return peer.bytes(isBodySent ? bytes : 0).then(() => {
        controller.abort(reason);
        return peer.closed;
      });
    };
    await expect(upload(destination, kind, { signal: controller.signal })).rejects.toBe(reason);
    expect(gcs.phases.at(-1)).toBe(where);
    while (gcs.server.open > 1) await delay(2);
  });
});

describe.each([
  ['one request', 'multipart'],
  ['session', 'first'],
] as const)('an upload by %s that is answered before all of it is there', (kind, where) => {
  test.each([
    [412, 'DESTINATION_PRECONDITION_FAILED', 'reads on'],
    [412, 'DESTINATION_PRECONDITION_FAILED', 'reads no more'],
    [412, 'DESTINATION_PRECONDITION_FAILED', 'closes'],
    [503, 'DESTINATION_UNAVAILABLE', 'reads no more'],
  ] as const)('fails by that %d: %s, GCS %s', async (status, code, then) => {
    const { gcs, destination } = await startGcs();
    gcs.fault = (peer, phase) => {
      if (phase !== where) return undefined;
      return (async () => {
        await peer.bytes(1000);
        if (then === 'reads no more') peer.socket.pause();
        await reply(peer, status, errorBody(status, 'because'));
        if (then === 'closes') peer.socket.end();
        await peer.closed;
      })();
    };
    const opened = await open(destination, kind, { sizeBytes: 64 * KIB * KIB, temporary: kind === 'one request' });
    const block = Buffer.alloc(KIB * KIB);
    const sending = (async () => {
      for (let i = 0; i < 64; i++) await opened.write(block);
      await opened.finish(1);
    })();
    await expect(sending).rejects.toMatchObject({ code, httpStatus: status });
    await opened.abort();
    gcs.server.readOn();
    // Nothing of it gets in the way of the next one.
    gcs.fault = () => undefined;
    await upload(destination, kind);
  });

  test('fails by an answer of 200, too', async () => {
    const { gcs, destination } = await startGcs();
    gcs.fault = (peer, phase) =>
      phase === where
        ? peer
            .bytes(1000)
            .then(() => reply(peer, 200, OBJECT))
            .then(() => peer.closed)
        : undefined;
    const opened = await open(destination, kind);
    await opened.write(CONTENT.subarray(0, 2000));
    while (!gcs.phases.includes(where)) await delay(2);
    await delay(20);
    await expect(opened.write(CONTENT.subarray(2000, 4000))).rejects.toMatchObject({
      code: 'DESTINATION_UNAVAILABLE',
      retryable: true,
    });
    await opened.abort();
  });
});

describe('a session', () => {
  test.each([
    ['less than it was sent', ['range: bytes=0-262143']],
    ['nothing', []],
    ['more than it was sent', [`range: bytes=0-${CONTENT.length - 1}`]],
  ])('that has kept %s of the first request is begun anew', async (_, lines) => {
    const { gcs, destination } = await startGcs();
    gcs.fault = (peer, phase, bytes) =>
      phase === 'first' ? peer.bytes(bytes).then(() => reply(peer, 308, '', ...lines)) : undefined;
    await expect(upload(destination, 'session')).rejects.toMatchObject({
      code: 'DESTINATION_UNAVAILABLE',
      retryable: true,
    });
    expect(gcs.phases).toEqual(['start', 'first', 'cancel']);
  });

  test('that has not kept all of the last request is begun anew', async () => {
    const { gcs, destination } = await startGcs();
    gcs.fault = (peer, phase, bytes) =>
      phase === 'last' ? peer.bytes(bytes).then(() => reply(peer, 308, '', 'range: bytes=0-524287')) : undefined;
    await expect(upload(destination, 'session')).rejects.toMatchObject({
      code: 'DESTINATION_UNAVAILABLE',
      retryable: true,
    });
    expect(gcs.phases).toEqual(['start', 'first', 'last', 'cancel']);
  });

  test.each([404, 410])('that is gone (%d) is begun anew', async (status) => {
    for (const where of ['first', 'last']) {
      const { gcs, destination } = await startGcs();
      gcs.fault = (peer, phase, bytes) =>
        phase === where ? peer.bytes(bytes).then(() => reply(peer, status, '')) : undefined;
      await expect(upload(destination, 'session')).rejects.toMatchObject({
        code: 'DESTINATION_UNAVAILABLE',
        retryable: true,
      });
    }
  });

  test.each(['http://elsewhere.example/session', '/session', '', 'http://127.0.0.1:1@elsewhere.example/'])(
    'at another host gets no bytes: %j',
    async (location) => {
      const { gcs, destination } = await startGcs();
      gcs.location = location;
      await expect(upload(destination, 'session')).rejects.toMatchObject({
        code: 'DESTINATION_UNAVAILABLE',
        retryable: true,
      });
      expect(gcs.phases).toEqual(['start']);
    },
  );

  test('that cannot be cancelled fails by what it failed by', async () => {
    for (const cancelled of ['refused', 'broken'] as const) {
      const { gcs, destination } = await startGcs();
      gcs.fault = (peer, phase, bytes) => {
        if (phase === 'first') return peer.bytes(bytes).then(() => reply(peer, 429, ''));
        if (phase !== 'cancel') return undefined;
        return cancelled === 'refused' ? reply(peer, 503, '') : Promise.resolve(void peer.socket.destroy());
      };
      await expect(upload(destination, 'session')).rejects.toMatchObject({ code: 'DESTINATION_THROTTLED' });
      expect(gcs.phases.at(-1)).toBe('cancel');
    }
  });

  test('is not cancelled after its end', async () => {
    const { gcs, destination } = await startGcs();
    const opened = await open(destination, 'session');
    await opened.write(CONTENT);
    await opened.finish(1);
    await opened.abort();
    expect(gcs.phases).toEqual(['start', 'first', 'last']);
  });
});

function countingTokens(): GcsTokenSource & { readonly discarded: string[] } {
  const discarded: string[] = [];
  return {
    discarded,
    token: () => Promise.resolve(`token-${discarded.length}`),
    discard: (refused) => void discarded.push(refused),
  };
}

describe('a token', () => {
  test('that is refused after the upload is replaced before it is tried again', async () => {
    const tokens = countingTokens();
    const { gcs, destination } = await startGcs(tokens);
    gcs.fault = (peer, _phase, bytes) =>
      tokens.discarded.length === 0 ? peer.bytes(bytes).then(() => reply(peer, 401, '')) : undefined;
    const error: unknown = await upload(destination, 'one request').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'DESTINATION_UNAVAILABLE', retryable: true, httpStatus: 401 });
    expect(String(error) + JSON.stringify(error)).not.toContain('token-');
    expect(tokens.discarded).toEqual(['token-0']);
    await upload(destination, 'one request');
    expect(gcs.heads.map((each) => /authorization: (.*)/i.exec(each)?.[1])).toEqual([
      'Bearer token-0',
      'Bearer token-1',
    ]);
  });

  test('opens a session, and goes nowhere with its bytes', async () => {
    const { gcs, destination } = await startGcs(countingTokens());
    await upload(destination, 'session');
    expect(gcs.heads.map((each) => /authorization: (.*)/i.exec(each)?.[1])).toEqual([
      'Bearer token-0',
      undefined,
      undefined,
    ]);
  });
});
