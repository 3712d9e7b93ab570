import type { RetryPolicy } from '@object-transfer/core/runtime/retry';
import type { TransferContext } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Discrepancy } from './audit-objects.ts';
import {
  brokenConnections,
  DESTINATION_CODES,
  endings,
  refusals,
  refusalsToWaitFor,
  type FaultRow,
  type RefusalRows,
} from './http-fault-rows.ts';
import { HttpFaultRig, IMPATIENT, OBJECT_KINDS, type ObjectKind } from './http-fault-rig.ts';
import type { Leg } from './http-fault-legs.ts';
import type { HttpFault } from './http-fault.ts';

let rig: HttpFaultRig;
beforeAll(async () => {
  rig = await HttpFaultRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => rig.clear());

interface LegRow {
  readonly leg: Leg;
  /** What moves over it. */
  readonly kinds: readonly ObjectKind[];
  /** Rows that end otherwise here. */
  readonly except?: Readonly<Record<string, Pick<FaultRow, 'twice' | 'always'>>>;
}

/** It is there already where it was only the answer that got lost. */
const ARRIVES = 'transferred|skipped';
const LOST = 'DESTINATION_(?:CONNECTION|UNAVAILABLE)';
/** What a lost answer has not told is found out by the next try, unless that is lost, too. */
const LOST_OR_FOUND = `${LOST}|skipped`;
const HARMLESS = { twice: ARRIVES, always: ARRIVES };
const FEW: RetryPolicy = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 5 };

const LEGS: readonly LegRow[] = [
  { leg: 'gcs insert', kinds: ['small', 'streamed', 'parts'] },
  {
    leg: 'gcs start of a session',
    kinds: ['session'],
    // Its answer has no body.
    except: Object.fromEntries(
      [
        'is reset in its body',
        'is reset after a byte',
        'stalls in its body',
        'is cut off',
        'is half of itself',
        'repeats a piece',
        'is compressed',
      ].map((what) => [what, HARMLESS]),
    ),
  },
  {
    leg: 'gcs session',
    kinds: ['session'],
    // The session is gone: another one is opened.
    except: { 'is a 404': { twice: ARRIVES, always: 'DESTINATION_UNAVAILABLE' } },
  },
  { leg: 'gcs compose', kinds: ['parts'] },
  { leg: 'gcs rewrite', kinds: ['parts'] },
];

const OF_GCS: RefusalRows = { by: 'gcs', codes: DESTINATION_CODES, final: [400, 403, 404, 416], healed: ARRIVES };
const THROTTLED: HttpFault = { kind: 'status', status: 403, by: 'gcs', code: 'userRateLimitExceeded' };
const SHORT: HttpFault = { kind: 'lie', headers: { 'content-length': '7' } };
const TRICKLE: HttpFault = { kind: 'trickle', pieces: 4, pieceBytes: 10, delayMs: 1 };
const ROWS: readonly FaultRow[] = [
  ...brokenConnections(LOST_OR_FOUND, ARRIVES),
  { what: 'trickles', fault: TRICKLE, twice: ARRIVES, always: ARRIVES },
  {
    what: 'is half of itself',
    fault: { kind: 'truncate', length: 'plausible' },
    twice: ARRIVES,
    always: LOST_OR_FOUND,
  },
  { what: 'repeats a piece', fault: { kind: 'duplicate', length: 'longer' }, twice: ARRIVES, always: LOST_OR_FOUND },
  { what: 'claims too few bytes', fault: SHORT, twice: ARRIVES, always: LOST_OR_FOUND },
  { what: 'is compressed', fault: { kind: 'compressed' }, twice: ARRIVES, always: LOST_OR_FOUND },
  ...refusals(OF_GCS),
  { what: 'is a 403 for going too fast', fault: THROTTLED, twice: ARRIVES, always: 'DESTINATION_THROTTLED' },
  {
    what: 'is a 404 of a front end',
    fault: { kind: 'status', status: 404, by: 'frontEnd' },
    twice: ARRIVES,
    always: 'DESTINATION_UNAVAILABLE',
  },
  {
    what: 'is a 503 without words',
    fault: { kind: 'status', status: 503, by: 'frontEnd' },
    twice: ARRIVES,
    always: 'DESTINATION_UNAVAILABLE',
  },
];

describe.each(LEGS)('$leg: an answer', ({ leg, kinds, except = {} }) => {
  // Retry-After is read in one place: one leg tells.
  const rows = leg === 'gcs insert' ? [...ROWS, ...refusalsToWaitFor(OF_GCS)] : ROWS;
  test.each(rows)('that $what leaves nothing wrong', async ({ what, fault, ...usual }) => {
    const { twice = '', always } = except[what] ?? usual;
    expect(await transferAll(kinds, 'twice', () => rig.break(leg, fault, 2))).toEqual(endings(kinds, twice));
    const ended = await transferAll(kinds, 'always', () => rig.break(leg, fault), { retryPolicy: FEW });
    expect(ended).toEqual(endings(kinds, always));
    rig.heal();
    // An upload that was given up may still arrive at GCS, after its name was deleted.
    await rig.sweepParts();
    // What has failed may have arrived; what is said to have arrived must not have failed.
    const failed = new Set(ended.filter((end) => /: DEST/.test(end)).map((end) => `${end.split(':')[0]} always`));
    const isExcused = ({ kind, name }: Discrepancy) =>
      kind === 'missing' && (failed.has(name) || FINAL_ENDING.test(twice));
    expect((await rig.audit()).filter((discrepancy) => !isExcused(discrepancy))).toEqual([]);

    await transferAll(kinds, 'twice');
    await transferAll(kinds, 'always');
    expect(await rig.audit()).toEqual([]);
  });
});

const FINAL_ENDING = /^DEST/;

async function transferAll(
  kinds: readonly ObjectKind[],
  label: string,
  prepare: () => void = () => undefined,
  overrides: Partial<TransferContext> = {},
): Promise<string[]> {
  const ended: string[] = [];
  for (const kind of kinds) {
    const expected = rig.put(kind, `${kind} ${label}`);
    prepare();
    ended.push(`${kind}: ${await rig.transfer(kind, expected, overrides)}`);
  }
  return ended;
}

test.each(['head', 'body'] as const)('a GCS that falls silent in the %s is given up and asked again', async (at) => {
  await using impatient = await HttpFaultRig.start(IMPATIENT);
  for (const { leg } of LEGS) impatient.break(leg, { kind: 'stall', at }, 2);
  const ended = OBJECT_KINDS.map(async (kind) => `${kind}: ${await impatient.transfer(kind, impatient.put(kind))}`);
  expect(await Promise.all(ended)).toEqual(endings(OBJECT_KINDS, ARRIVES));
  await impatient.sweepParts();
  expect(await impatient.audit()).toEqual([]);
});

test.each(['small', 'streamed', 'session', 'parts'] as const)(
  'bytes that are corrupted on their way to GCS are noticed: %s',
  async (kind) => {
    const expected = rig.put(kind);
    for (const leg of ['gcs insert', 'gcs session'] as const) {
      rig.break(leg, { kind: 'corruptRequest' }, 2);
      expect(await rig.transfer(kind, expected)).toMatch(new RegExp(ARRIVES));
    }
    expect(await rig.audit()).toEqual([]);
  },
);

test.each([
  ['small', 'gcs insert'],
  ['streamed', 'gcs insert'],
  ['parts', 'gcs rewrite'],
] as const)('what an attempt has written whose answer was lost is found by the last one: %s', async (kind, leg) => {
  rig.break(leg, { kind: 'loseAnswer' }, 1);
  expect(await rig.transfer(kind, rig.put(kind), { retryPolicy: FEW })).toBe('skipped');
  expect(await rig.audit()).toEqual([]);
});
