import type { RetryPolicy } from '@object-transfer/core/runtime/retry';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  brokenConnections,
  endings,
  refusals,
  refusalsToWaitFor,
  SOURCE_CODES,
  type FaultRow,
  type RefusalRows,
} from './http-fault-rows.ts';
import { HttpFaultRig, IMPATIENT, OBJECT_KINDS, type ObjectKind } from './http-fault-rig.ts';
import type { HttpFault } from './http-fault.ts';

let rig: HttpFaultRig;
beforeAll(async () => {
  rig = await HttpFaultRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => rig.clear());

/** The ETag speaks for the bytes themselves. */
const WITH_MD5: readonly ObjectKind[] = ['small', 'streamed'];
const RANGED: readonly ObjectKind[] = ['parts'];
const WRONG_SIZE = 'SOURCE_(?:SIZE_MISMATCH|RANGE_NOT_HONOURED)';
const TRANSFORMED = 'SOURCE_(?:TRANSFORMED_COPY|RANGE_NOT_HONOURED)';
const OLDER_VERSION: HttpFault = { kind: 'stale', etag: 'older', body: Buffer.alloc(300_000, 'o') };
const OTHER_RANGE = 'bytes 5-20004/50001';

function lie(name: string, value: string | undefined): HttpFault {
  return { kind: 'lie', headers: { [name]: value } };
}

/** A copy that is not there, or that was changed, may be a cached refusal: S3 is asked past the cache. */
const OF_S3: RefusalRows = { by: 's3', codes: SOURCE_CODES, final: [400, 403] };
const DENIED = 'SOURCE_SIGNATURE_REJECTED';
const CORRUPT = { always: 'DESTINATION_CHECKSUM_REJECTED', kinds: WITH_MD5 };
const WRONG_RANGE = { always: 'SOURCE_RANGE_NOT_HONOURED', kinds: RANGED };

const ROWS: readonly FaultRow[] = [
  ...brokenConnections('SOURCE_CONNECTION'),
  { what: 'trickles', fault: { kind: 'trickle', pieces: 4, pieceBytes: 10, delayMs: 1 }, always: 'transferred' },
  { what: 'is shorter, and says so', fault: { kind: 'truncate', length: 'plausible' }, always: WRONG_SIZE },
  { what: 'repeats a piece', fault: { kind: 'duplicate', length: 'longer' }, always: WRONG_SIZE },
  { what: 'repeats a piece within its length', fault: { kind: 'duplicate', length: 'kept' }, ...CORRUPT },
  { what: 'has a corrupt byte', fault: { kind: 'corrupt' }, ...CORRUPT },
  { what: 'claims too few bytes', fault: lie('content-length', '7'), always: WRONG_SIZE },
  { what: 'claims too many bytes', fault: lie('content-length', '9000000'), always: WRONG_SIZE },
  { what: 'has no length', fault: lie('content-length', undefined), always: 'transferred' },
  { what: 'has another ETag', fault: lie('etag', '"other"'), always: 'SOURCE_STALE_COPY' },
  { what: 'has no ETag', fault: lie('etag', undefined), always: 'SOURCE_TRANSFORMED_COPY' },
  { what: 'has a weak ETag', fault: lie('etag', 'W/"x"'), always: 'SOURCE_TRANSFORMED_COPY' },
  { what: 'claims to be another range', fault: lie('content-range', OTHER_RANGE), ...WRONG_RANGE },
  { what: 'does not say which range it is', fault: lie('content-range', undefined), ...WRONG_RANGE },
  { what: 'is whole for a range', fault: { kind: 'wholeForRange' }, ...WRONG_RANGE },
  { what: 'is an older version', fault: OLDER_VERSION, always: 'SOURCE_STALE_COPY' },
  { what: 'is compressed', fault: { kind: 'compressed' }, always: TRANSFORMED },
  ...refusals(OF_S3),
  ...refusalsToWaitFor(OF_S3),
  {
    what: 'is a 403 of its own',
    fault: { kind: 'status', status: 403, by: 'cloudfront' },
    twice: DENIED,
    always: DENIED,
  },
  {
    what: 'is a 503 without words',
    fault: { kind: 'status', status: 503, by: 'frontEnd' },
    always: 'SOURCE_UNAVAILABLE',
  },
];

/** Tries within tries within tries: every answer that the CDN gives is the same. */
const FEW: RetryPolicy = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 5 };

describe.each(ROWS)(
  'an answer of the CDN that $what',
  ({ fault, twice = 'transferred', always, kinds = OBJECT_KINDS }) => {
    test('twice leaves nothing wrong', async () => {
      const ended: string[] = [];
      const again: string[] = [];
      for (const kind of kinds) {
        const expected = rig.put(kind);
        rig.break('cdn get', fault, 2);
        ended.push(`${kind}: ${await rig.transfer(kind, expected, { direct: undefined })}`);
        rig.heal();
        again.push(`${kind}: ${await rig.transfer(kind, expected)}`);
      }
      expect(ended).toEqual(endings(kinds, twice));
      expect(again).toEqual(endings(kinds, twice === 'transferred' ? 'skipped' : 'transferred'));
      expect(await rig.audit()).toEqual([]);
    });

    test('always ends as what it is', async () => {
      const ended: string[] = [];
      for (const kind of kinds) {
        const expected = rig.put(kind);
        rig.break('cdn get', fault);
        ended.push(`${kind}: ${await rig.transfer(kind, expected, { direct: undefined, retryPolicy: FEW })}`);
      }
      expect(ended).toEqual(endings(kinds, always));
      const left = always === 'transferred' ? [] : kinds.toSorted();
      expect(await rig.audit()).toEqual(
        left.map((name) => expect.objectContaining({ kind: 'missing', name }) as unknown),
      );
    });
  },
);

test('a CDN that has only wrong copies is gone around where that is allowed', async () => {
  for (const kind of OBJECT_KINDS) {
    const expected = rig.put(kind);
    rig.break('cdn get', OLDER_VERSION);
    const before = rig.proxies.s3.requests;
    expect(await rig.transfer(kind, expected)).toBe('transferred');
    expect(rig.proxies.s3.requests).toBeGreaterThan(before + 1);
  }
  expect(await rig.audit()).toEqual([]);
});

test.each(['head', 'body'] as const)('a CDN that falls silent in the %s is given up and asked again', async (at) => {
  await using impatient = await HttpFaultRig.start(IMPATIENT);
  impatient.break('cdn get', { kind: 'stall', at }, OBJECT_KINDS.length);
  const ended = OBJECT_KINDS.map(async (kind) => `${kind}: ${await impatient.transfer(kind, impatient.put(kind))}`);
  expect(await Promise.all(ended)).toEqual(endings(OBJECT_KINDS, 'transferred'));
  expect(await impatient.audit()).toEqual([]);
});
