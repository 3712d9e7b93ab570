import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import type { HttpPoolSettings } from '@object-transfer/core/storage/http-pool';
import { WirePool, type WireExchange } from '@object-transfer/core/storage/wire/wire-pool';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { createSelfSignedCertificate } from '../../fixtures/self-signed-certificate.ts';
import { startRawServer, type RawPeer, type RawServer } from './raw-server.ts';

export const SETTINGS: HttpPoolSettings = {
  connections: 4,
  connectTimeoutMs: 2_000,
  headersTimeoutMs: 2_000,
  bodyTimeoutMs: 2_000,
};
/** For tests in which nothing is to come any more. */
export const IMPATIENT: HttpPoolSettings = { ...SETTINGS, headersTimeoutMs: 300, bodyTimeoutMs: 300 };
export const MIB = 1024 * 1024;
export const never = new AbortController().signal;

const certificate = createSelfSignedCertificate();
const usualAuthorities = getCACertificates('default');
/** The tests of a file that imports this trust the certificate of its servers, and leave nothing running. */
beforeAll(() => setDefaultCACertificates([...usualAuthorities, certificate.cert]));
afterAll(() => setDefaultCACertificates(usualAuthorities));

export const cleanUp: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const clean of cleanUp.splice(0).toReversed()) await clean();
});

export async function serve(work: (peer: RawPeer) => Promise<void>, secure = false): Promise<RawServer> {
  const server = await startRawServer(work, secure ? certificate : undefined);
  cleanUp.push(async () => {
    await server.close();
    expect(server.errors).toEqual([]);
  });
  return server;
}

export function poolFor(server: RawServer, settings = SETTINGS): WirePool {
  const pool = new WirePool(server.url, settings);
  cleanUp.push(() => pool.close());
  return pool;
}

export function get(pool: WirePool, signal = never): Promise<WireExchange> {
  return pool.begin({ method: 'GET', path: '/x', headers: {}, signal });
}

export function post(pool: WirePool, bytes: number, signal = never): Promise<WireExchange> {
  return pool.begin({ method: 'POST', path: '/x', headers: { 'content-length': String(bytes) }, signal });
}

export async function readAll(exchange: WireExchange, want: 'full' | 'any' = 'full'): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let piece = await exchange.readBlock(want); piece !== undefined; piece = await exchange.readBlock(want)) {
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

/** One GET to its end. */
export async function fetchBody(pool: WirePool, want: 'full' | 'any' = 'full'): Promise<string> {
  const exchange = await get(pool);
  try {
    await exchange.answer();
    return (await readAll(exchange, want)).toString('latin1');
  } finally {
    exchange.close();
  }
}

/** Answers every request of a connection by the same bytes. */
export function always(answer: string): (peer: RawPeer) => Promise<void> {
  return async (peer) => {
    for (;;) {
      await peer.request().catch(() => undefined);
      if (peer.socket.destroyed || peer.socket.readableEnded) return;
      await peer.write(answer);
    }
  };
}

export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(2);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export const ways = [
  ['TCP', false],
  ['TLS', true],
] as const;
export const broken = (code: string): unknown => expect.objectContaining({ code });
