import { createHash } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { head, pseudoRandomBytes, type RawPeer } from './raw-server.ts';
import { IMPATIENT, MIB, get, poolFor, serve, sha256, ways } from './wire-rig.ts';

const WRITE_BYTES = [100, 20_000, 300_000, 3_000_000];

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

describe.each(ways)('a large body over %s', (_name, secure) => {
  const content = pseudoRandomBytes(64 * MIB, 20_261_121);

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
    let ahead = 0;
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
        ahead = written - read;
      }
    }
    exchange.close();
    // Two blocks, and what the kernel keeps on both sides of a loopback connection.
    expect(ahead).toBeLessThan(2 * MIB + 12 * MIB);
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
