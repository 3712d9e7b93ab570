import { describeError } from '@object-transfer/core/domain/classify-error';
import type { RetryPolicy } from '@object-transfer/core/runtime/retry';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DESTINATION_BUCKET, never } from '../fixtures/clouds.ts';
import { brokenConnections, DESTINATION_CODES, refusals, SOURCE_CODES, type FaultRow } from './http-fault-rows.ts';
import { HttpFaultRig } from './http-fault-rig.ts';
import type { Leg } from './http-fault-legs.ts';
import type { HttpFault } from './http-fault.ts';

let rig: HttpFaultRig;
beforeAll(async () => {
  rig = await HttpFaultRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => rig.clear());

const FEW: RetryPolicy = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 5 };

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`);
}

function lie(name: string, value: string | undefined): HttpFault {
  return { kind: 'lie', headers: { [name]: value } };
}

describe('S3 is asked what it has, and its answer', () => {
  // It has no body, so it is whole with its head.
  const broken = brokenConnections('SOURCE_CONNECTION').filter(({ what }) => !/body|a byte|cut off/.test(what));
  // Without a body, a 503 does not say whether S3 wants less.
  const codes = { ...SOURCE_CODES, 503: 'SOURCE_UNAVAILABLE' };
  const rows: readonly FaultRow[] = [
    ...broken,
    ...refusals({ by: 's3', codes, final: [400, 403, 404, 412, 416] }),
    { what: 'has no ETag', fault: lie('etag', undefined), always: 'SOURCE_UNAVAILABLE' },
    { what: 'has no length', fault: lie('content-length', undefined), always: 'SOURCE_UNAVAILABLE' },
    { what: 'has another ETag', fault: lie('etag', '"other"'), always: 'SOURCE_STALE_COPY' },
    { what: 'has another length', fault: lie('content-length', '7'), always: 'SOURCE_SIZE_MISMATCH' },
  ];
  test.each(rows)('$what', async ({ fault, twice = 'transferred', always }) => {
    const { key } = rig.put('small');
    rig.break('s3 head', fault);
    expect(await rig.transfer('small', { key }, { retryPolicy: FEW })).toMatch(whole(always));
    expect(await rig.audit()).toEqual([expect.objectContaining({ kind: 'missing' })]);
    rig.break('s3 head', fault, 2);
    expect(await rig.transfer('small', { key })).toMatch(whole(twice));
    rig.heal();
    await rig.transfer('small', { key });
    expect(await rig.audit()).toEqual([]);
  });
});

/** An object that is gone is as good as one that has changed. */
const OBJECT_CODES = { ...DESTINATION_CODES, 404: 'DESTINATION_(?:NOT_FOUND|PRECONDITION_FAILED)' };
const PAGE_ROWS: readonly FaultRow[] = [
  ...brokenConnections('DESTINATION_(?:CONNECTION|UNAVAILABLE)', 'skipped'),
  {
    what: 'is half of itself',
    fault: { kind: 'truncate', length: 'plausible' },
    twice: 'skipped',
    always: 'DESTINATION_UNAVAILABLE',
  },
  { what: 'is compressed', fault: { kind: 'compressed' }, twice: 'skipped', always: 'DESTINATION_UNAVAILABLE' },
];

describe('what is under the name already is looked at, and the answer', () => {
  const rows = [
    ...PAGE_ROWS,
    ...refusals({ by: 'gcs', codes: OBJECT_CODES, final: [400, 403, 412, 416], healed: 'skipped' }),
  ];
  test.each(rows)('$what', async ({ fault, twice = '', always }) => {
    const expected = rig.put('small');
    await rig.transfer('small', expected);
    rig.break('gcs get', fault);
    expect(await rig.transfer('small', expected, { retryPolicy: FEW })).toMatch(whole(always));
    rig.break('gcs get', fault, 2);
    expect(await rig.transfer('small', expected)).toMatch(whole(twice));
    expect(await rig.audit()).toEqual([]);
  });
});

describe('what another tool has brought gets its properties, and the answer', () => {
  // The answer to the patch is not looked at: it is whole with its status.
  const rows = [
    ...brokenConnections('DESTINATION_CONNECTION|DESTINATION_UNAVAILABLE', 'skipped'),
    ...refusals({ by: 'gcs', codes: OBJECT_CODES, final: [400, 403, 404, 416], healed: 'skipped' }),
  ];
  test.each(rows)('$what', async ({ fault, twice = '', always }) => {
    const expected = rig.put('parts');
    const source = await rig.clouds.source.content.stat('parts');
    const bytes = source?.open(0, source.size);
    rig.clouds.gcs.objects.put(DESTINATION_BUCKET, 'parts', bytes instanceof Uint8Array ? Buffer.from(bytes) : '');
    rig.break('gcs patch', fault);
    expect(await rig.transfer('parts', expected, { retryPolicy: FEW })).toMatch(whole(always));
    rig.break('gcs patch', fault, 2);
    expect(await rig.transfer('parts', expected)).toMatch(whole(`${twice}|skipped`));
    rig.heal();
    await rig.transfer('parts', expected);
    expect(await rig.audit()).toEqual([]);
  });
});

describe('temporary parts are deleted, and the answer', () => {
  const leg: Leg = 'gcs delete';
  const rows = [
    ...brokenConnections('', ''),
    ...refusals({ by: 'gcs', codes: OBJECT_CODES, final: [400, 403, 404, 412, 416], healed: '' }),
  ];
  test.each(rows)('$what', async ({ fault, twice }) => {
    rig.break(leg, fault, 2);
    expect(await rig.transfer('parts', rig.put('parts', 'twice'))).toBe('transferred');
    // What is refused for good stays; anything else is tried until it is gone.
    const left = (await rig.audit()).map(({ kind }) => kind);
    expect(left).toEqual(twice === '' ? [] : ['leftover', 'leftover']);
    rig.break(leg, fault);
    expect(await rig.transfer('parts', rig.put('parts', 'always'), { retryPolicy: FEW })).toBe('transferred');
    rig.heal();
    await rig.sweepParts();
    expect(await rig.audit()).toEqual([]);
  });
});

describe('whether the bucket is there is asked before anything is begun, and the answer', () => {
  const rows = [
    ...brokenConnections('DESTINATION_CONNECTION', ''),
    ...refusals({
      by: 'gcs',
      codes: { ...DESTINATION_CODES, 404: 'CONFIG_BUCKET_MISSING' },
      final: [400, 404, 412, 416],
      healed: '',
    }),
  ].filter(({ what }) => what !== 'is a 403');
  test.each(rows)('$what', async ({ fault, twice, always }) => {
    const check = () =>
      rig.adapters.destination.checkBucket(never).then(
        () => '',
        (error: unknown) => describeError(error).code,
      );
    // A refused connection is one that is refused twice, and three tries are all.
    rig.break('gcs get', fault, 1);
    expect(await check()).toMatch(whole(twice ?? ''));
    rig.break('gcs get', fault);
    expect(await check()).toMatch(whole(always));
    rig.heal();
    expect(await check()).toBe('');
  });
});
