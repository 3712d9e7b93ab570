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

/** What a refusal is called, by its status. */
export type StatusCodes = Readonly<Record<number, string>>;

/** Of S3, and of a CDN that hands on what S3 says, about an object. */
export const SOURCE_CODES: StatusCodes = {
  400: 'SOURCE_REJECTED',
  403: 'SOURCE_FORBIDDEN',
  404: 'SOURCE_NOT_FOUND',
  408: 'SOURCE_UNAVAILABLE',
  412: 'SOURCE_CHANGED',
  416: 'SOURCE_CHANGED',
  429: 'SOURCE_THROTTLED',
  500: 'SOURCE_UNAVAILABLE',
  502: 'SOURCE_UNAVAILABLE',
  503: 'SOURCE_THROTTLED',
  504: 'SOURCE_UNAVAILABLE',
};

/** Of GCS. */
export const DESTINATION_CODES: StatusCodes = {
  400: 'DESTINATION_REJECTED',
  403: 'DESTINATION_FORBIDDEN',
  404: 'DESTINATION_NOT_FOUND',
  408: 'DESTINATION_UNAVAILABLE',
  412: 'DESTINATION_PRECONDITION_FAILED',
  416: 'DESTINATION_REJECTED',
  429: 'DESTINATION_THROTTLED',
  500: 'DESTINATION_UNAVAILABLE',
  502: 'DESTINATION_UNAVAILABLE',
  503: 'DESTINATION_UNAVAILABLE',
  504: 'DESTINATION_UNAVAILABLE',
};

/** Those that may come with `Retry-After`. */
const PASSING = [408, 429, 500, 502, 503, 504];

export interface RefusalRows {
  readonly by: 's3' | 'gcs';
  /** What each status ends as where it never ends. */
  readonly codes: StatusCodes;
  /** Statuses that are believed at once. */
  readonly final: readonly number[];
  /** What becomes of it where any other status comes twice; default `transferred`. */
  readonly healed?: string;
}

/** A row for each status that a service may refuse with. */
export function refusals({ by, codes, final, healed = 'transferred' }: RefusalRows): readonly FaultRow[] {
  return Object.entries(codes).map(([code, always]) => {
    const status = Number(code);
    const twice = final.includes(status) ? always : healed;
    return { what: `is a ${status}`, fault: { kind: 'status', by, status }, twice, always };
  });
}

/** The same for those that ask to wait, which they do for no time at all. */
export function refusalsToWaitFor({ by, codes, healed = 'transferred' }: RefusalRows): readonly FaultRow[] {
  return PASSING.map((status) => {
    const fault: HttpFault = { kind: 'status', by, status, retryAfter: '0' };
    return { what: `is a ${status} with Retry-After`, fault, twice: healed, always: codes[status] ?? '' };
  });
}

/** {@link CONNECTION_FAULTS} whose never ending ends as `always`. */
export function brokenConnections(always: string, twice = 'transferred'): FaultRow[] {
  return CONNECTION_FAULTS.map(({ what, fault }) => ({ what, fault, twice, always }));
}

/** `<kind>: <how it ended>` for each of them. @param pattern a regular expression, from beginning to end */
export function endings(kinds: readonly ObjectKind[], pattern: string): readonly unknown[] {
  return kinds.map((kind) => expect.stringMatching(new RegExp(`^${kind}: (?:${pattern})$`)) as unknown);
}
