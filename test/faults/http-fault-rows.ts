import { expect } from 'vitest';
import type { ObjectKind } from './http-fault-rig.ts';
import type { HttpFault } from './http-fault.ts';

/** One fault of a matrix, and what is expected of it. */
export interface FaultRow {
  /** Completes `an answer that …`. */
  readonly what: string;
  readonly fault: HttpFault;
  /** What a transfer ends as that meets it twice, `transferred`, `skipped`, or a code, as a pattern; default `transferred`. */
  readonly twice?: string;
  /** What it ends as where the fault never ends. */
  readonly always: string;
  /** Objects that meet it; default all. */
  readonly kinds?: readonly ObjectKind[];
}

/** What breaks a connection, whatever it carries. */
const CONNECTION_FAULTS: readonly Pick<FaultRow, 'what' | 'fault'>[] = [
  { what: 'is a refused connection', fault: { kind: 'refuse' } },
  { what: 'is reset before its head', fault: { kind: 'resetBeforeHead' } },
  { what: 'is reset in its head', fault: { kind: 'resetInHead' } },
  { what: 'is reset in its body', fault: { kind: 'resetInBody' } },
  { what: 'is reset after a byte', fault: { kind: 'resetInBody', afterBytes: 1 } },
  { what: 'stalls before its head', fault: { kind: 'stall', at: 'head', releaseMs: 5 } },
  { what: 'stalls in its body', fault: { kind: 'stall', at: 'body', releaseMs: 5 } },
  { what: 'is cut off', fault: { kind: 'truncate', length: 'closed' } },
  { what: 'is lost', fault: { kind: 'loseAnswer' } },
  { what: 'is to a lost request', fault: { kind: 'loseRequest' } },
  { what: 'is no HTTP', fault: { kind: 'garbage' } },
];

/** What a service may answer in place of an object; those that ask to wait do so for no time at all. */
export const STATUSES: readonly { readonly status: number; readonly retryAfter: string | undefined }[] = [
  ...[400, 403, 404, 408, 412, 416, 429, 500, 502, 503, 504].map((status) => ({ status, retryAfter: undefined })),
  ...[408, 429, 500, 502, 503, 504].map((status) => ({ status, retryAfter: '0' })),
];

/** {@link CONNECTION_FAULTS} whose never ending ends as `always`. */
export function brokenConnections(always: string, twice = 'transferred'): FaultRow[] {
  return CONNECTION_FAULTS.map(({ what, fault }) => ({ what, fault, twice, always }));
}

/** `<kind>: <how it ended>` for each of them. @param pattern a regular expression, from beginning to end */
export function endings(kinds: readonly ObjectKind[], pattern: string): readonly unknown[] {
  return kinds.map((kind) => expect.stringMatching(new RegExp(`^${kind}: (?:${pattern})$`)) as unknown);
}
