import { get as getByNode } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { WirePool } from '@object-transfer/core/storage/wire/wire-pool';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { get, readAll, serve, SETTINGS } from './wire-rig.ts';
import type { RawServer } from './raw-server.ts';

/** What Node's own HTTP client reads in an answer is what ours reads, wherever it is cut; or one of them refuses it. */

interface Reading {
  readonly status: number;
  /** Names in lower case and values, in order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** A server whose answers come in pieces of any size, and end with the connection. */
async function startAnswering() {
  let pieces: readonly Buffer[] = [];
  const server = await serve(async (peer) => {
    await peer.request();
    for (const piece of pieces) {
      if (peer.socket.destroyed) return;
      // Who has read enough breaks off.
      await peer.write(piece).catch(() => undefined);
      await nextTurn();
    }
    peer.socket.end();
  });
  return {
    server,
    /** @returns what both clients read; `undefined` where one refuses the answer */
    async ask(wire: Buffer, cuts: readonly number[]) {
      const ends = [...new Set(cuts.map((cut) => cut % (wire.length + 1)))].toSorted((a, b) => a - b);
      pieces = [0, ...ends].map((from, i) => wire.subarray(from, ends[i] ?? wire.length));
      return { ours: await readByUs(server), nodes: await readByNode(server) };
    },
  };
}

async function readByUs({ url }: RawServer): Promise<Reading | undefined> {
  const pool = new WirePool(url, SETTINGS);
  try {
    const exchange = await get(pool);
    const { status, headers } = await exchange.answer();
    const body = (await readAll(exchange)).toString('latin1');
    exchange.close();
    const flat = Object.entries(headers).flatMap(([name, value]) =>
      [value].flat().map((one) => [name, one ?? ''] as const),
    );
    return { status, headers: flat, body };
  } catch (error) {
    // Ours are told by their code: anything else would be a defect of the client.
    if (!/^(?:WIRE_|ECONNRESET|EPIPE)/.test(String((error as { code?: unknown }).code))) throw error;
    return undefined;
  } finally {
    pool.close();
  }
}

function readByNode({ port }: RawServer): Promise<Reading | undefined> {
  return new Promise((resolve) => {
    const refused = () => resolve(undefined);
    getByNode({ port, host: '127.0.0.1', path: '/x', agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', refused);
      response.on('end', () => {
        const { rawHeaders, statusCode = 0 } = response;
        const headers = Array.from({ length: rawHeaders.length / 2 }, (_, i) => {
          return [rawHeaders[2 * i]?.toLowerCase() ?? '', rawHeaders[2 * i + 1] ?? ''] as const;
        });
        resolve({ status: statusCode, headers, body: Buffer.concat(pieces).toString('latin1') });
      });
    })
      .on('error', refused)
      .on('upgrade', (_response, socket) => {
        socket.destroy();
        refused();
      });
  });
}

function byName(reading: Reading | undefined): unknown {
  // Ours puts values of one name together; the order of names says nothing.
  return reading && { ...reading, headers: reading.headers.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) };
}

const token = fc.string({ unit: fc.constantFrom(..."abzAZ09!#$%&*+-.^_`|~'".split('')), minLength: 1, maxLength: 8 });
const visible = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter((c) =>
  /[!-~\x80-\xff]/.test(c),
);
const value = fc
  .string({ unit: fc.oneof(fc.constantFrom(' ', '\t', ',', '"', ':'), fc.constantFrom(...visible)), maxLength: 20 })
  .map((text) => text.trim());
const field = fc
  .tuple(token, fc.constantFrom('', ' ', '\t ', '  '), value, fc.constantFrom('', ' ', '\t'))
  // What frames the body is put in by the test.
  .filter(([name]) => !/^(?:x-)?(?:connection|content-length|transfer-encoding|upgrade)$/i.test(name))
  .map(([name, before, text, after]) => `x-${name}:${before}${text}${after}`);
const chunk = fc.record({
  size: fc.integer({ min: 1, max: 40 }),
  upper: fc.boolean(),
  extension: fc.constantFrom('', ';a=b', ';x="y"'),
});
const head = fc.record({
  interim: fc.constantFrom('', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n'),
  version: fc.constantFrom('1.1', '1.1', '1.0'),
  status: fc.constantFrom(200, 206, 301, 400, 403, 404, 412, 429, 500, 503, 204, 304),
  reason: fc.constantFrom('', 'OK', 'Some Reason', '(any) "text": \xe9'),
  fields: fc.array(field, { maxLength: 6 }),
});
const framing = fc.oneof(
  fc.constant({ kind: 'length' as const }),
  fc.constant({ kind: 'until-close' as const }),
  fc.record({
    kind: fc.constant('chunked' as const),
    chunks: fc.array(chunk, { minLength: 1, maxLength: 5 }),
    trailer: fc.constantFrom('', 'x-trailer: 1\r\n'),
  }),
);
const bytes = fc.uint8Array({ maxLength: 200, size: 'max' });
const cuts = fc.array(fc.nat(), { maxLength: 6 });

type Head = typeof head extends fc.Arbitrary<infer T> ? T : never;
type BodyFraming = typeof framing extends fc.Arbitrary<infer T> ? T : never;

/** @returns an answer as it goes over the wire, and the body that it has */
function render({ interim, version, status, reason, fields }: Head, how: BodyFraming, content: Uint8Array) {
  const body = status === 204 || status === 304 ? Buffer.alloc(0) : Buffer.from(content);
  const lines = [`HTTP/${version} ${status} ${reason}`, ...fields];
  let framed: Buffer = body;
  if (how.kind === 'length') lines.push(`Content-Length: ${body.length}`);
  if (how.kind === 'chunked' && version === '1.1' && body.length > 0) {
    lines.push('Transfer-Encoding: chunked');
    framed = inChunks(body, how);
  }
  return { wire: Buffer.concat([Buffer.from(`${interim}${lines.join('\r\n')}\r\n\r\n`, 'latin1'), framed]), body };
}

function inChunks(body: Buffer, { chunks, trailer }: Extract<BodyFraming, { kind: 'chunked' }>): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0, i = 0; at < body.length; i++) {
    const { size, upper, extension } = chunks[i % chunks.length] ?? { size: 1, upper: false, extension: '' };
    const piece = body.subarray(at, at + size);
    const digits = piece.length.toString(16);
    parts.push(Buffer.from(`${upper ? digits.toUpperCase() : digits}${extension}\r\n`), piece, Buffer.from('\r\n'));
    at += size;
  }
  return Buffer.concat([...parts, Buffer.from(`0\r\n${trailer}\r\n`)]);
}

test('an answer is the same to both, whatever HTTP allows in it', async () => {
  const answering = await startAnswering();
  await fc.assert(
    fc.asyncProperty(head, framing, bytes, cuts, async (top, how, content, at) => {
      const { wire, body } = render(top, how, content);
      const { ours, nodes } = await answering.ask(wire, at);
      expect(ours?.body).toBe(body.toString('latin1'));
      expect(byName(ours)).toEqual(byName(nodes));
    }),
    { numRuns: 200 },
  );
});

test('an answer that was hurt is the same to both, or one of them refuses it', async () => {
  const answering = await startAnswering();
  const wound = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(4),
    text: fc.oneof(
      fc.constant(''),
      fc.constantFrom('\r\n', '\n', '\r', '\0', ':', ' ', '0', '1', ';', ',', 'chunked', 'close', '\r\n\r\n', '\xff'),
      fc.constantFrom(
        '\r\nContent-Length: 3',
        '\r\nTransfer-Encoding: chunked',
        '\r\n x: folded',
        '\r\nContent-Length:',
      ),
    ),
  });
  await fc.assert(
    fc.asyncProperty(head, framing, bytes, wound, cuts, async (top, how, content, { at, length, text }, where) => {
      const { wire } = render(top, how, content);
      const from = Math.floor(at * wire.length);
      const hurt = Buffer.concat([wire.subarray(0, from), Buffer.from(text, 'latin1'), wire.subarray(from + length)]);
      const { ours, nodes } = await answering.ask(hurt, where);
      // What one of them refuses the other may put up with.
      const both = ours === undefined || nodes === undefined ? [] : [ours, nodes];
      expect(byName(both[0])).toEqual(byName(both[1]));
    }),
    { numRuns: 500 },
  );
});
