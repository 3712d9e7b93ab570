import { describeError } from '@object-transfer/core/domain/classify-error';
import type { RetryPolicy } from '@object-transfer/core/runtime/retry';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DESTINATION_BUCKET, never } from '../fixtures/clouds.ts';
import { brokenConnections, STATUSES, type FaultRow } from './http-fault-rows.ts';
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

/** @param codes by status; those in `final` are believed at once */
function statusRows(by: 's3' | 'gcs', ends: string, codes: Readonly<Record<number, string>>, final: readonly number[]) {
  return STATUSES.filter(({ retryAfter }) => retryAfter === undefined).map(({ status }): FaultRow => {
    const always = codes[status] ?? codes[0] ?? '';
    const twice = final.includes(status) ? always : ends;
    return { what: `is a ${status}`, fault: { kind: 'status', by, status }, twice, always };
  });
}

describe('S3 is asked what it has, and its answer', () => {
  // It has no body, so it is whole with its head.
  const broken = brokenConnections('SOURCE_CONNECTION').filter(({ what }) => !/body|a byte|cut off/.test(what));
  const codes = {
    0: 'SOURCE_UNAVAILABLE',
    400: 'SOURCE_REJECTED',
    403: 'SOURCE_FORBIDDEN',
    404: 'SOURCE_NOT_FOUND',
    412: 'SOURCE_CHANGED',
    416: 'SOURCE_CHANGED',
    429: 'SOURCE_THROTTLED',
  };
  const rows: readonly FaultRow[] = [
    ...broken,
    ...statusRows('s3', 'transferred', codes, [400, 403, 404, 412, 416]),
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

const DESTINATION_CODES = {
  0: 'DESTINATION_UNAVAILABLE',
  400: 'DESTINATION_REJECTED',
  403: 'DESTINATION_FORBIDDEN',
  404: 'DESTINATION_(?:NOT_FOUND|PRECONDITION_FAILED)',
  412: 'DESTINATION_PRECONDITION_FAILED',
  416: 'DESTINATION_REJECTED',
  429: 'DESTINATION_THROTTLED',
};
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
  const rows = [...PAGE_ROWS, ...statusRows('gcs', 'skipped', DESTINATION_CODES, [400, 403, 412, 416])];
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
    ...statusRows('gcs', 'skipped', DESTINATION_CODES, [400, 403, 404, 416]),
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
  const rows = [...brokenConnections('', ''), ...statusRows('gcs', '', DESTINATION_CODES, [400, 403, 404, 412, 416])];
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
    ...statusRows('gcs', '', { ...DESTINATION_CODES, 404: 'CONFIG_BUCKET_MISSING' }, [400, 404, 412, 416]),
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
