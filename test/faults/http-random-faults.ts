import { randomInt } from 'node:crypto';
import type { Leg } from './http-fault-legs.ts';
import type { HttpFault } from './http-fault.ts';

/** Of the faults chosen at random in this process; `FAULT_SEED` repeats a run of before. To be told in a test's name. */
export const FAULT_SEED = Number(process.env['FAULT_SEED'] ?? randomInt(2 ** 31));

/** All that passes, so that every object arrives in the end. Where the ETag is no MD5, corrupt bytes would not be noticed. */
const PASSING: readonly HttpFault[] = [
  { kind: 'refuse' },
  { kind: 'resetBeforeHead' },
  { kind: 'resetInHead' },
  { kind: 'resetInBody' },
  { kind: 'resetInBody', afterBytes: 1 },
  { kind: 'stall', at: 'head', releaseMs: 50 },
  { kind: 'stall', at: 'body', releaseMs: 50 },
  { kind: 'trickle', pieces: 5, pieceBytes: 7, delayMs: 2 },
  { kind: 'truncate', length: 'closed' },
  { kind: 'truncate', length: 'plausible' },
  { kind: 'duplicate', length: 'longer' },
  { kind: 'lie', headers: { 'content-length': '7' } },
  { kind: 'lie', headers: { etag: '"other"' } },
  { kind: 'lie', headers: { etag: undefined } },
  { kind: 'compressed' },
  { kind: 'loseAnswer' },
  { kind: 'loseRequest' },
  { kind: 'garbage' },
];
const PASSING_STATUSES = [408, 429, 500, 502, 503, 504] as const;

/** @returns a chooser that breaks this share of all requests, the same ones for the same seed and order of requests */
export function chooseAtRandom(seed: number, share: number): (leg: Leg) => HttpFault | undefined {
  const random = pseudoRandom(seed);
  return (leg) => {
    if (random() >= share) return undefined;
    const chosen = Math.floor(random() * (PASSING.length + 2 * PASSING_STATUSES.length));
    const fault = PASSING[chosen];
    if (fault !== undefined) return fault;
    const status = PASSING_STATUSES[(chosen - PASSING.length) % PASSING_STATUSES.length] ?? 503;
    const retryAfter = chosen >= PASSING.length + PASSING_STATUSES.length ? '0' : undefined;
    return { kind: 'status', status, by: leg.startsWith('gcs') ? 'gcs' : 's3', retryAfter };
  };
}

/** Numbers from 0 up to 1. Mulberry32. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
