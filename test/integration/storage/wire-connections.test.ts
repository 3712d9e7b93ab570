import { createHash } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { HttpPoolSettings } from '@object-transfer/core/storage/http-pool';
import { sendOverWire } from '@object-transfer/core/storage/wire/wire-answer';
import { WirePool, type WireExchange } from '@object-transfer/core/storage/wire/wire-pool';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createSelfSignedCertificate } from '../../fixtures/self-signed-certificate.ts';
import { head, pseudoRandomBytes, startRawServer, type RawPeer, type RawServer } from './raw-server.ts';

const SETTINGS: HttpPoolSettings = {
  connections: 4,
  connectTimeoutMs: 2_000,
  headersTimeoutMs: 2_000,
  bodyTimeoutMs: 2_000,
};
/** For tests in which nothing is to come any more. */
const IMPATIENT: HttpPoolSettings = { ...SETTINGS, headersTimeoutMs: 300, bodyTimeoutMs: 300 };
const MIB = 1024 * 1024;
const WRITE_BYTES = [100, 20_000, 300_000, 3_000_000];
const never = new AbortController().signal;

const certificate = createSelfSignedCertificate();
const usualAuthorities = getCACertificates('default');
beforeAll(() => setDefaultCACertificates([...usualAuthorities, certificate.cert]));
afterAll(() => setDefaultCACertificates(usualAuthorities));

const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

async function serve(work: (peer: RawPeer) => Promise<void>, secure = false): Promise<RawServer> {
  const server = await startRawServer(work, secure ? certificate : undefined);
  cleanUp.push(async () => {
    await server.close();
    expect(server.errors).toEqual([]);
  });
  return server;
}

function poolFor(server: RawServer, settings = SETTINGS): WirePool {
  const pool = new WirePool(server.url, settings);
  cleanUp.push(() => pool.close());
  return pool;
}

function get(pool: WirePool, signal = never): Promise<WireExchange> {
  return pool.begin({ method: 'GET', path: '/x', headers: {}, signal });
}

function post(pool: WirePool, bytes: number, signal = never): Promise<WireExchange> {
  return pool.begin({ method: 'POST', path: '/x', headers: { 'content-length': String(bytes) }, signal });
}

async function readAll(exchange: WireExchange, want: 'full' | 'any' = 'full'): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let piece = await exchange.readBlock(want); piece !== undefined; piece = await exchange.readBlock(want)) {
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

/** One GET to its end. */
async function fetchBody(pool: WirePool, want: 'full' | 'any' = 'full'): Promise<string> {
  const exchange = await get(pool);
  try {
    await exchange.answer();
    return (await readAll(exchange, want)).toString('latin1');
  } finally {
    exchange.close();
  }
}

/** Answers every request of a connection by the same bytes. */
function always(answer: string): (peer: RawPeer) => Promise<void> {
  return async (peer) => {
    for (;;) {
      await peer.request().catch(() => undefined);
      if (peer.socket.destroyed || peer.socket.readableEnded) return;
      await peer.write(answer);
    }
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const ways = [
  ['TCP', false],
  ['TLS', true],
] as const;
const broken = (code: string): unknown => expect.objectContaining({ code });

describe.each(ways)('a large body over %s', (_name, secure) => {
  const content = pseudoRandomBytes(64 * MIB, 20_261_121);

  /** Writes in pieces of any size, from a byte to some megabytes. */
  async function writeInPieces(peer: RawPeer, body: Buffer): Promise<void> {
    const sizes = pseudoRandomBytes(4 * 4096, 7);
    for (let at = 0, i = 0; at < body.length; i++) {
      const random = sizes.readUInt32LE((i % 4096) * 4);
      const size = 1 + (random % (WRITE_BYTES[(random >>> 24) % 4] ?? 1));
      await peer.write(body.subarray(at, at + size));
      at += size;
    }
  }

  test.each([
    ['of known length, in whole blocks', 'length', 'full'],
    ['of known length, as it comes', 'length', 'any'],
    ['in chunks', 'chunked', 'full'],
    ['until the connection ends', 'until-close', 'full'],
  ] as const)('arrives byte for byte at a consumer that is slower: %s', async (_how, framing, want) => {
    const server = await serve(async (peer) => {
      await peer.request();
      if (framing === 'length') {
        await peer.write(head('HTTP/1.1 200 OK', `content-length: ${content.length}`));
        await writeInPieces(peer, content);
      } else if (framing === 'chunked') {
        await peer.write(head('HTTP/1.1 200 OK', 'transfer-encoding: chunked'));
        for (let at = 0; at < content.length; at += 777_777) {
          const piece = content.subarray(at, at + 777_777);
          await peer.write(`${piece.length.toString(16)}\r\n`);
          await writeInPieces(peer, piece);
          await peer.write('\r\n');
        }
        await peer.write('0\r\n\r\n');
      } else {
        await peer.write(head('HTTP/1.1 200 OK'));
        await writeInPieces(peer, content);
        peer.socket.end();
      }
    }, secure);
    const exchange = await get(poolFor(server));
    await exchange.answer();
    const hash = createHash('sha256');
    let pieces = 0;
    for (let piece = await exchange.readBlock(want); piece !== undefined; piece = await exchange.readBlock(want)) {
      // Longer than it takes to fill the other block, now and then: the socket is paused, and goes on.
      if (pieces++ % 8 === 0) await delay(10);
      else await nextTurn();
      // Only now: what has come meanwhile must not have got into it.
      hash.update(piece);
    }
    exchange.close();
    expect(hash.digest('hex')).toBe(sha256(content));
  });

  test('is left at the server as long as nobody reads it, for longer than any timeout', async () => {
    let written = 0;
    const body = Buffer.concat([content, content]);
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(head('HTTP/1.1 200 OK', `content-length: ${body.length}`));
      for (let at = 0; at < body.length; at += 65_536) {
        await peer.write(body.subarray(at, at + 65_536));
        written = Math.min(body.length, at + 65_536);
      }
    }, secure);
    const exchange = await get(poolFor(server, IMPATIENT));
    await exchange.answer();
    const hash = createHash('sha256');
    let read = 0;
    for (let piece = await exchange.readBlock('full'); piece !== undefined; piece = await exchange.readBlock('full')) {
      read += piece.length;
      hash.update(piece);
      if (read === 8 * MIB) {
        let before = -1;
        while (before !== written) {
          before = written;
          await delay(IMPATIENT.bodyTimeoutMs * 2);
        }
        // Two blocks, and what the kernel keeps on both sides of a loopback connection.
        expect(written - read).toBeLessThan(2 * MIB + 12 * MIB);
      }
    }
    exchange.close();
    expect(hash.digest('hex')).toBe(sha256(body));
  });

  test('arrives whole although the server has closed the connection long before it is read', async () => {
    const body = content.subarray(0, 5 * MIB + 3);
    for (const lines of [['connection: close', `content-length: ${body.length}`], []]) {
      const server = await serve(async (peer) => {
        await peer.request();
        await peer.write(head('HTTP/1.1 200 OK', ...lines));
        peer.socket.end(body);
        await peer.closed;
      }, secure);
      const exchange = await get(poolFor(server));
      await exchange.answer();
      const hash = createHash('sha256');
      for (let piece = await exchange.readBlock('full'); piece; piece = await exchange.readBlock('full')) {
        await delay(50);
        hash.update(piece);
      }
      exchange.close();
      expect(hash.digest('hex')).toBe(sha256(body));
    }
  });

  test('leaves its connection for the next ones, however slowly it was read', async () => {
    const sizes = [5 * MIB, 300_000, 0, 8 * MIB + 1, 1, 256 * 1024, 4 * MIB, 512 * 1024 + 100];
    const server = await serve(async (peer) => {
      for (const size of sizes) {
        await peer.request();
        await peer.write(head('HTTP/1.1 200 OK', `content-length: ${size}`));
        await peer.write(content.subarray(size, 2 * size));
      }
      await peer.closed;
    }, secure);
    const pool = poolFor(server);
    for (const size of sizes) {
      const exchange = await get(pool);
      await exchange.answer();
      const hash = createHash('sha256');
      for (let piece = await exchange.readBlock('full'); piece; piece = await exchange.readBlock('full')) {
        await delay(5);
        hash.update(piece);
      }
      exchange.close();
      expect(hash.digest('hex')).toBe(sha256(content.subarray(size, 2 * size)));
    }
    expect(server.connections).toBe(1);
  });

  test('shares no byte with the others that are read at the same time, some of which break off', async () => {
    const server = await serve(async (peer) => {
      const start = peer.index * 100_003;
      await peer.request();
      await peer.write(head('HTTP/1.1 200 OK', `content-length: ${6 * MIB}`));
      await writeInPieces(peer, content.subarray(start, start + 6 * MIB)).catch(() => undefined);
      await peer.closed;
    }, secure);
    const pool = poolFor(server);
    const hashes = new Map<number, string>();
    const readOne = async (index: number): Promise<void> => {
      const exchange = await get(pool);
      await exchange.answer();
      const hash = createHash('sha256');
      let pieces = 0;
      for (let piece = await exchange.readBlock('full'); piece; piece = await exchange.readBlock('full')) {
        if (index % 3 === 2 && ++pieces === 2) break;
        await nextTurn();
        hash.update(piece);
      }
      exchange.close();
      if (index % 3 !== 2) hashes.set(index, hash.digest('hex'));
    };
    await Promise.all(Array.from({ length: 24 }, (_, index) => readOne(index)));
    const wanted = Array.from({ length: server.connections }, (_, i) =>
      sha256(content.subarray(i * 100_003, i * 100_003 + 6 * MIB)),
    );
    expect(hashes.size).toBe(16);
    for (const hash of hashes.values()) expect(wanted).toContain(hash);
  });
});

describe.each(ways)('an answer over %s', (_name, secure) => {
  test.each([
    ['without a body', head('HTTP/1.1 200 OK', 'content-length: 0'), ''],
    ['204', head('HTTP/1.1 204 No Content'), ''],
    ['304 that tells a length', head('HTTP/1.1 304 Not Modified', 'content-length: 100'), ''],
    [
      'in chunks',
      `${head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}3;x\r\nabc\r\n1\r\nd\r\n0\r\nt: x\r\n\r\n`,
      'abcd',
    ],
    ['in no chunk', `${head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}0\r\n\r\n`, ''],
    [
      'after interim ones',
      `${head('HTTP/1.1 100 Continue')}${head('HTTP/1.1 103 Early Hints', 'link: <x>')}${head('HTTP/1.1 200 OK', 'content-length: 2')}ab`,
      'ab',
    ],
    [
      'of HTTP/1.0 that keeps the connection',
      `${head('HTTP/1.0 200 OK', 'connection: keep-alive', 'content-length: 2')}ab`,
      'ab',
    ],
  ])('%s is understood in one piece and byte by byte, and its connection stays', async (_, answer, body) => {
    let inBytes = false;
    const server = await serve(async (peer) => {
      for (let i = 0; i < 4; i++) {
        await peer.request();
        if (!inBytes) await peer.write(answer);
        else
          for (const byte of Buffer.from(answer, 'latin1')) {
            await peer.write(Buffer.of(byte));
            await nextTurn();
          }
      }
      await peer.closed;
    }, secure);
    const pool = poolFor(server);
    expect(await fetchBody(pool)).toBe(body);
    expect(await fetchBody(pool, 'any')).toBe(body);
    inBytes = true;
    expect(await fetchBody(pool)).toBe(body);
    expect(await fetchBody(pool, 'any')).toBe(body);
    expect(server.connections).toBe(1);
  });

  test.each([
    ['of HTTP/1.0', `${head('HTTP/1.0 200 OK', 'content-length: 2')}ab`],
    ['of HTTP/1.0 without a length', `${head('HTTP/1.0 200 OK')}ab`],
    ['that says so', `${head('HTTP/1.1 200 OK', 'connection: close', 'content-length: 2')}ab`],
    ['without a length', `${head('HTTP/1.1 200 OK')}ab`],
  ])('%s is the last one of its connection', async (_, answer) => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(answer);
      peer.socket.end();
    }, secure);
    const pool = poolFor(server);
    expect(await fetchBody(pool)).toBe('ab');
    expect(await fetchBody(pool)).toBe('ab');
    expect(server.connections).toBe(2);
    await until(() => server.open === 0);
  });

  test.each([
    ['whose head is too long', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}`],
    ['that is no HTTP', '220 smtp.example ESMTP\r\n\r\n'],
    ['of HTTP/2', head('HTTP/2 200 OK')],
    ['with a folded header', head('HTTP/1.1 200 OK', 'a: b', ' c')],
    ['with two lengths', `${head('HTTP/1.1 200 OK', 'content-length: 1', 'content-length: 2')}ab`],
  ])('%s is refused, and its connection closed', async (_, answer) => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(answer);
      await peer.closed;
    }, secure);
    await expect(fetchBody(poolFor(server))).rejects.toEqual(broken('WIRE_PROTOCOL'));
    await until(() => server.open === 0);
  });

  test.each([
    ['a length', `${head('HTTP/1.1 200 OK', 'content-length: 2')}abc`],
    ['a last chunk', `${head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}2\r\nab\r\n0\r\n\r\nc`],
    ['a length of nothing', `${head('HTTP/1.1 200 OK', 'content-length: 0')}c`],
  ])('that goes on beyond %s is refused', async (_, answer) => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(answer);
      await peer.closed;
    }, secure);
    await expect(fetchBody(poolFor(server))).rejects.toEqual(broken('WIRE_PROTOCOL'));
    await until(() => server.open === 0);
  });

  test('that goes on later costs the connection, not the next answer', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 2')}ab`);
      if (peer.index === 0) await delay(20).then(() => peer.write(head('HTTP/1.1 200 OK', 'content-length: 2') + 'xx'));
      await peer.closed;
    }, secure);
    const pool = poolFor(server);
    expect(await fetchBody(pool)).toBe('ab');
    await until(() => server.open === 0);
    expect(await fetchBody(pool)).toBe('ab');
    expect(server.connections).toBe(2);
  });

  test.each([
    ['with a length', [head('HTTP/1.1 200 OK', 'content-length: 5'), 'abcd']],
    ['in chunks', [head('HTTP/1.1 200 OK', 'transfer-encoding: chunked'), '4\r\nabcd\r\n']],
    ['in its head', ['HTTP/1.1 200 OK\r\ncontent-le', '']],
  ])('that ends too early %s is an error', async (_, [first = '', second = '']) => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(first);
      peer.socket.end(second);
    }, secure);
    await expect(fetchBody(poolFor(server))).rejects.toEqual(broken('WIRE_CLOSED'));
    await until(() => server.open === 0);
  });
});

describe('waiting', () => {
  const silent = (peer: RawPeer) => peer.request().then(() => peer.closed);

  test('for the head ends after its time', async () => {
    const server = await serve(silent);
    await expect(fetchBody(poolFor(server, IMPATIENT))).rejects.toEqual(broken('WIRE_HEADERS_TIMEOUT'));
    await until(() => server.open === 0);
  });

  test('for the body ends after its time', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 3')}ab`);
      await peer.closed;
    });
    await expect(fetchBody(poolFor(server, IMPATIENT))).rejects.toEqual(broken('WIRE_BODY_TIMEOUT'));
    await until(() => server.open === 0);
  });

  test('for what is sent to be taken ends after its time, for what is to be sent it does not', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      peer.socket.pause();
      await peer.closed;
    });
    const exchange = await post(poolFor(server, IMPATIENT), 100 * MIB);
    await delay(IMPATIENT.bodyTimeoutMs * 2);
    const block = Buffer.alloc(MIB);
    const sending = (async () => {
      for (let i = 0; i < 100; i++) await exchange.send(block);
    })();
    await expect(sending).rejects.toEqual(broken('WIRE_BODY_TIMEOUT'));
    exchange.close();
    server.readOn();
    await until(() => server.open === 0);
  });

  test('for the handshake ends after its time', async () => {
    const server = await serve((peer) => peer.closed);
    const pool = new WirePool(server.url.replace('http:', 'https:'), { ...SETTINGS, connectTimeoutMs: 200 });
    await expect(get(pool)).rejects.toEqual(broken('WIRE_CONNECT_TIMEOUT'));
    await until(() => server.open === 0);
  });

  test('for a handshake with whom nobody vouches for ends at once', async () => {
    const other = await startRawServer((peer) => peer.closed, createSelfSignedCertificate());
    await expect(get(poolFor(other))).rejects.toMatchObject({
      code: expect.stringMatching(/CERT|SELF_SIGNED/) as string,
    });
    await until(() => other.open === 0);
    await other.close();
  });
});

describe.each(ways)('an abort over %s', (_name, secure) => {
  const reason = new Error('enough');

  test('before the begin opens no connection', async () => {
    const server = await serve((peer) => peer.closed, secure);
    await expect(get(poolFor(server), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.connections).toBe(0);
  });

  test('ends with its reason in each phase, and closes the connection', async () => {
    const phases = ['connect', 'head', 'body', 'paused', 'send', 'idle after'] as const;
    for (const phase of phases) {
      const controller = new AbortController();
      const server = await serve(async (peer) => {
        await peer.request();
        if (phase === 'send') peer.socket.pause();
        if (phase === 'idle after') await peer.write(head('HTTP/1.1 200 OK', 'content-length: 0'));
        if (phase === 'body' || phase === 'paused') {
          await peer.write(head('HTTP/1.1 200 OK', `content-length: ${64 * MIB}`));
          await peer.write(Buffer.alloc(phase === 'body' ? 100 : 20 * MIB)).catch(() => undefined);
        }
        await peer.closed;
      }, secure);
      const pool = poolFor(server);
      const run = async (): Promise<void> => {
        const exchange = await (phase === 'send'
          ? post(pool, 64 * MIB, controller.signal)
          : get(pool, controller.signal));
        try {
          if (phase === 'send') {
            setTimeout(() => controller.abort(reason), 30);
            for (;;) await exchange.send(Buffer.alloc(MIB));
          }
          if (phase === 'head') setTimeout(() => controller.abort(reason), 20);
          await exchange.answer();
          if (phase === 'body') setTimeout(() => controller.abort(reason), 20);
          if (phase === 'paused') {
            await exchange.readBlock('full');
            await delay(30);
            controller.abort(reason);
          }
          while ((await exchange.readBlock('full')) !== undefined);
        } finally {
          exchange.close();
        }
      };
      const running = run();
      if (phase === 'connect') controller.abort(reason);
      if (phase === 'idle after') {
        await running;
        controller.abort(reason);
        expect(server.open).toBe(1);
        expect(await readAgain(pool)).toBe('not waited for');
        pool.close();
      } else await expect(running).rejects.toBe(reason);
      server.readOn();
      await until(() => server.open === 0);
    }
  });

  /** The connection of an exchange that is over does not hear of its signal any more. */
  async function readAgain(pool: WirePool): Promise<string> {
    const exchange = await get(pool);
    exchange.close();
    return 'not waited for';
  }
});

describe('a request whose answer comes early', () => {
  const refusal = `${head('HTTP/1.1 412 Precondition Failed', 'content-length: 3')}no!`;

  /** Sends until it is refused. */
  async function sendAll(exchange: WireExchange, bytes: number): Promise<void> {
    const block = Buffer.alloc(MIB, 'x');
    for (let sent = 0; sent < bytes && !exchange.isAnswered; sent += block.length) {
      await exchange.send(block).catch((error: unknown) => {
        if (!exchange.isAnswered) throw error;
      });
    }
  }

  test.each([
    ['and is read on', 'reads'],
    ['and is not read on', 'pauses'],
    ['and whose connection ends', 'ends'],
  ] as const)('%s: gets the answer, and its connection is not used again', async (_, then) => {
    const server = await serve(async (peer) => {
      const request = await peer.request();
      if (request.startsWith('GET')) {
        await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`);
        await peer.closed;
        return;
      }
      await peer.bytes(3 * MIB);
      if (then === 'pauses') peer.socket.pause();
      await peer.write(refusal);
      if (then === 'ends') peer.socket.end();
      await peer.closed;
    });
    const pool = poolFor(server);
    const exchange = await post(pool, 200 * MIB);
    await sendAll(exchange, 200 * MIB);
    expect((await exchange.answer()).status).toBe(412);
    expect((await readAll(exchange)).toString()).toBe('no!');
    exchange.close();
    // Otherwise it would be taken for the rest of that body.
    expect(await fetchBody(pool)).toBe('ok');
    expect(server.connections).toBe(2);
  });

  test('while nothing is being sent: gets the answer, and its connection is not used again', async () => {
    const server = await serve(async (peer) => {
      const request = await peer.request();
      await peer.write(request.startsWith('GET') ? `${head('HTTP/1.1 200 OK', 'content-length: 2')}ok` : refusal);
      await peer.closed;
    });
    const pool = poolFor(server);
    const exchange = await post(pool, 10);
    await until(() => exchange.isAnswered);
    expect((await exchange.answer()).status).toBe(412);
    expect((await readAll(exchange)).toString()).toBe('no!');
    exchange.close();
    expect(await fetchBody(pool)).toBe('ok');
    expect(server.connections).toBe(2);
  });

  test('and never ends does not wait for ever', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      peer.socket.pause();
      await peer.write(head('HTTP/1.1 503 Slow Down', `content-length: ${90 * MIB}`));
      await peer.write(Buffer.alloc(90 * MIB)).catch(() => undefined);
      await peer.closed;
    });
    const exchange = await post(poolFor(server, IMPATIENT), 200 * MIB);
    await sendAll(exchange, 200 * MIB);
    expect((await exchange.answer()).status).toBe(503);
    exchange.close();
    server.readOn();
    await until(() => server.open === 0);
  });

  test('of which all was sent leaves its connection for the next', async () => {
    const server = await serve(async (peer) => {
      for (let i = 0; i < 2; i++) {
        await peer.request();
        expect((await peer.bytes(6)).toString()).toBe('abcdef');
        await peer.write(refusal);
      }
      await peer.closed;
    });
    const pool = poolFor(server);
    for (let i = 0; i < 2; i++) {
      const exchange = await post(pool, 6);
      await exchange.send(Buffer.from('ab'), Buffer.from('c'));
      await exchange.send(Buffer.from('def'));
      expect((await exchange.answer()).status).toBe(412);
      await readAll(exchange);
      exchange.close();
    }
    expect(server.connections).toBe(1);
  });
});

describe('a connection that is kept', () => {
  const ok = `${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`;

  test.each(ways)(
    'over %s is used for one exchange after the other, and as many at a time as are needed',
    async (_, secure) => {
      const server = await serve(always(ok), secure);
      const pool = poolFor(server);
      for (let i = 0; i < 10; i++) expect(await fetchBody(pool)).toBe('ok');
      expect(server.connections).toBe(1);
      await Promise.all(Array.from({ length: 5 }, () => fetchBody(pool)));
      expect(server.connections).toBe(5);
      await Promise.all(Array.from({ length: 5 }, () => fetchBody(pool)));
      expect(server.connections).toBe(5);
    },
  );

  test('and that the server closes is not used again', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(ok);
      await delay(20);
      peer.socket.end();
      await peer.closed;
    });
    const pool = poolFor(server);
    for (let i = 0; i < 3; i++) {
      expect(await fetchBody(pool)).toBe('ok');
      await until(() => server.open === 0);
      // Its end is here a turn later.
      await delay(10);
    }
    expect(server.connections).toBe(3);
  });

  test('and that the server closes just as it gets a request fails that one only', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(ok);
      if (peer.index === 0) {
        await peer.request();
        peer.socket.destroy();
      }
      await peer.closed;
    });
    const pool = poolFor(server);
    expect(await fetchBody(pool)).toBe('ok');
    await expect(fetchBody(pool)).rejects.toEqual(broken('WIRE_CLOSED'));
    expect(await fetchBody(pool)).toBe('ok');
  });

  test('is closed where the rest of its answer is not wanted', async () => {
    const server = await serve(async (peer) => {
      await peer.request();
      await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 20')}ok`);
      await peer.closed;
    });
    const exchange = await get(poolFor(server));
    await exchange.answer();
    exchange.close();
    await until(() => server.open === 0);
  });

  test('does not belong to the exchange that is over any more', async () => {
    const server = await serve(always(ok));
    const pool = poolFor(server);
    const over = await get(pool);
    await over.answer();
    await readAll(over);
    over.close();
    const next = await get(pool);
    await expect(over.readBlock('any')).rejects.toThrow(TypeError);
    await expect(over.send(Buffer.from('x'))).rejects.toThrow(TypeError);
    over.close();
    await next.answer();
    expect((await readAll(next)).toString()).toBe('ok');
    next.close();
    expect(server.connections).toBe(1);
  });
});

describe('the end of a pool', () => {
  test('breaks off what is under way in every phase, and refuses what comes later', async () => {
    const server = await serve(async (peer) => {
      const request = await peer.request();
      if (request.includes('/body')) await peer.write(`${head('HTTP/1.1 200 OK', 'content-length: 20')}ok`);
      await peer.closed;
    });
    const pool = poolFor(server);
    const begin = (path: string) => pool.begin({ method: 'GET', path, headers: {}, signal: never });
    const waiting = await begin('/head');
    const reading = await begin('/body');
    await reading.answer();
    const sending = await post(pool, 10);
    const ends = [waiting.answer(), readAll(reading), begin('/connecting')];
    pool.close();
    for (const end of ends) await expect(end).rejects.toEqual(broken('WIRE_CLOSED'));
    await expect(sending.send(Buffer.alloc(10))).rejects.toEqual(broken('WIRE_CLOSED'));
    await expect(begin('/late')).rejects.toEqual(broken('WIRE_CLOSED'));
    for (const exchange of [waiting, reading, sending]) exchange.close();
    await until(() => server.open === 0);
  });

  test('lets nobody wait for connections that are only kept', async () => {
    const server = await serve(always(`${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`));
    const pool = poolFor(server);
    await Promise.all([fetchBody(pool), fetchBody(pool)]);
    pool.close();
    await until(() => server.open === 0);
  });
});

describe('a request', () => {
  test('says all that it was told, and where it goes', async () => {
    let request = '';
    const server = await serve(async (peer) => {
      request = await peer.request();
      await peer.write(head('HTTP/1.1 204 No Content'));
      await peer.closed;
    });
    const pool = poolFor(server);
    const answer = await sendOverWire(pool, {
      method: 'GET',
      path: '/a/../b%20c//?d=%2F',
      headers: { 'if-match': '"\xe9"' },
      signal: never,
    });
    expect(answer.status).toBe(204);
    expect(await answer.take(10)).toEqual({ bytes: Buffer.alloc(0), complete: true });
    const lines = ['GET /a/../b%20c//?d=%2F HTTP/1.1', `host: 127.0.0.1:${server.port}`, 'if-match: "\xe9"'];
    expect(request).toBe(lines.join('\r\n'));
  });

  test.each([
    ['a header with a line end', '/', { a: 'b\r\nc: d' }],
    ['a header whose letters would become one', '/', { a: 'b\u010d\u010ac: d' }],
    ['a path with a blank', '/a b', {}],
    ['a path with a line end', '/a\r\nb', {}],
  ])('with %s is not sent', async (_, path, headers) => {
    const server = await serve((peer) => peer.closed);
    const begun = poolFor(server).begin({ method: 'GET', path, headers, signal: never });
    await expect(begun).rejects.toThrow(TypeError);
    expect(server.connections).toBe(0);
  });

  test.each(ways)('finds the one address of a name that answers, over %s', async (_, secure) => {
    const server = await serve(always(`${head('HTTP/1.1 200 OK', 'content-length: 2')}ok`), secure);
    const pool = new WirePool(server.url.replace('127.0.0.1', 'localhost'), SETTINGS);
    cleanUp.push(() => pool.close());
    expect(await fetchBody(pool)).toBe('ok');
  });
});
