import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Subfolder } from '@object-transfer/core/domain/subfolder';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createS3Connection, type S3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import type { CompareContext } from '@object-transfer/worker/sync-check/compare-subfolder';
import { DESTINATION_BUCKET } from '../../fixtures/clouds.ts';
import { SubfolderRig } from './subfolder-rig.ts';

const DIR = 'many/';
const OBJECTS = 2_100;
const POOL = { connections: 8, connectTimeoutMs: 2_000, headersTimeoutMs: 300, bodyTimeoutMs: 300 };
const RETRIES = { maxAttempts: 2, baseDelayMs: 1, maxDelayMs: 1 };

type Side = 's3' | 'gcs';
/** Answers the request for the third page; `token` is what it was asked by, `tries` counts such requests. */
type Fault = (response: ServerResponse, request: IncomingMessage, token: string, tries: number) => void;

const NEVER_READ_AS_EMPTY: readonly (readonly [string, RegExp, Readonly<Record<Side, Fault>>])[] = [
  ['answers 503', /_UNAVAILABLE/, both((response) => response.writeHead(503).end())],
  ['answers 500', /_UNAVAILABLE/, both((response) => response.writeHead(500).end())],
  ['answers 403', /_FORBIDDEN/, both((response) => response.writeHead(403).end())],
  ['does not answer in time', /_UNAVAILABLE/, atFirst(both(() => undefined))],
  ['hangs up', /_CONNECTION/, both((_, request) => request.socket.destroy())],
  ['stops in the middle of the body', /_UNAVAILABLE/, atFirst({ s3: inPart('<?xml'), gcs: inPart('{"items":[') })],
  ['has an empty body', /_LISTING_INVALID/, both((response) => response.writeHead(200).end())],
  ['is a page for people', /_LISTING_INVALID/, both((response) => response.writeHead(200).end('<html>Hello</html>'))],
  [
    'is cut off',
    /_LISTING_INVALID/,
    { s3: whole('<ListBucketResult><IsTruncated>false</IsTruncated>'), gcs: whole('{"items":[{"name":"') },
  ],
  [
    'repeats its token',
    /_LISTING_INVALID/,
    {
      s3: (response, _, token) =>
        response.end(
          `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken></ListBucketResult>`,
        ),
      gcs: (response, _, nextPageToken) => response.end(JSON.stringify({ nextPageToken })),
    },
  ],
];

const CASES = (['s3', 'gcs'] as const).flatMap((side) =>
  NEVER_READ_AS_EMPTY.map(([what, code, faults]) => ({ side, what, code, fault: faults[side] })),
);

function both(fault: Fault): Readonly<Record<Side, Fault>> {
  return { s3: fault, gcs: fault };
}

/** A time-out takes a second: the next try is answered at once. */
function atFirst(faults: Readonly<Record<Side, Fault>>): Readonly<Record<Side, Fault>> {
  const once =
    (fault: Fault): Fault =>
    (response, request, token, tries) => {
      if (tries % RETRIES.maxAttempts === 1) fault(response, request, token, tries);
      else response.writeHead(503).end();
    };
  return { s3: once(faults.s3), gcs: once(faults.gcs) };
}

function whole(body: string): Fault {
  return (response) => response.writeHead(200, { 'content-length': body.length }).end(body);
}

function inPart(body: string): Fault {
  return (response) => response.writeHead(200, { 'content-length': body.length + 1 }).write(body);
}

let rig: SubfolderRig;
let connection: S3Connection;
let destination: ObjectDestination;
let comparison: CompareContext;

/** The clouds stay for all tests: two thousand objects take their time. */
beforeAll(async () => {
  rig = await SubfolderRig.start();
  connection = createS3Connection({
    bucket: rig.clouds.source.name,
    region: 'us-east-1',
    endpointUrl: rig.clouds.s3.url,
    credentials: 'anonymous',
    pool: POOL,
  });
  destination = createGcsObjectDestination({
    bucket: DESTINATION_BUCKET,
    emulatorHost: rig.clouds.gcs.url,
    pool: POOL,
    listRetryPolicy: RETRIES,
  });
  comparison = rig.comparison({ lister: createS3ObjectLister(connection, { retryPolicy: RETRIES }), destination });
  for (let i = 0; i < OBJECTS; i++) {
    rig.put(nameOf(i), 'x');
    rig.write(nameOf(i), 'x');
  }
});
afterAll(async () => {
  await Promise.all([connection.close(), destination.close()]);
  await rig.close();
});
/** One object missing and one too many on the first page, and a row that knows of both. */
beforeEach(async () => {
  await rig.freshState();
  rig.remove(nameOf(1));
  rig.write(`${DIR}0000-extra`, 'extra');
  await rig.state.stateStore.addSubfolders([DIR]);
  await rig.check(DIR, comparison);
  rig.clouds.gcs.stats.reset();
});
afterEach(() => rig.clouds.heal());

function nameOf(i: number): string {
  return DIR + String(i).padStart(4, '0');
}

/** Every listing of this side from the `nth` on fails at its third page, at every try. */
function failThirdPage(side: Side, fault: Fault, nth = 1): void {
  let listings = 0;
  let tries = 0;
  const tokens: string[] = [];
  rig.clouds.break(side, (request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    if (request.method !== 'GET' || !url.searchParams.has('prefix')) return false;
    const token = url.searchParams.get(side === 's3' ? 'continuation-token' : 'pageToken');
    if (token === null) {
      listings++;
      return false;
    }
    if (!tokens.includes(token)) tokens.push(token);
    if (listings < nth || tokens.indexOf(token) < 1) return false;
    fault(response, request, token, ++tries);
    return true;
  });
}

/** An engine that finds nothing to do. */
const nothing = () => Promise.resolve();

function withoutTimes(row: Subfolder): Partial<Subfolder> {
  return {
    ...row,
    syncCheckLastStart: undefined,
    syncCheckLastEnd: undefined,
    rsyncLastStart: undefined,
    rsyncLastEnd: undefined,
  };
}

describe('where the third page of a listing', () => {
  test.each(CASES)('of $side $what, a comparison stores that alone', async ({ side, code, fault }) => {
    const before = await rig.row(DIR);
    const errors = await rig.openErrors(DIR);
    expect(errors).toEqual([`CHECK_EXTRA ${DIR}0000-extra`, `CHECK_MISSING ${nameOf(1)}`]);
    failThirdPage(side, fault);
    const failure = { status: 'failed', error: { code: expect.stringMatching(code) as string } };
    expect(await rig.check(DIR, comparison, undefined, () => false)).toMatchObject(failure);
    expect(withoutTimes(await rig.row(DIR))).toEqual(withoutTimes(before));

    expect(await rig.check(DIR, comparison)).toMatchObject(failure);
    const { syncCheckError, ...after } = withoutTimes(await rig.row(DIR));
    expect(syncCheckError).toMatch(code);
    expect({ ...after, syncCheckError: undefined }).toEqual({
      ...withoutTimes(before),
      syncCheckFrequency: before.syncCheckFrequency + 1,
    });
    expect(await rig.openErrors(DIR)).toEqual(errors);
  });

  test.each(CASES.filter(({ what }) => ['answers 503', 'hangs up', 'is cut off'].includes(what)))(
    'of $side $what, a comparison of sizes stores that alone',
    async ({ side, code, fault }) => {
      const before = await rig.row(DIR);
      failThirdPage(side, fault);
      const result = await rig.check(DIR, { ...comparison, checkMode: 'size' }, undefined, () => false);
      expect(result).toMatchObject({ status: 'failed', error: { code: expect.stringMatching(code) as string } });
      expect(withoutTimes(await rig.row(DIR))).toEqual(withoutTimes(before));
    },
  );

  test.each(CASES)('of $side $what, a repair deletes nothing', async ({ side, code, fault }) => {
    const before = await rig.row(DIR);
    const arrived = rig.names();
    failThirdPage(side, fault);
    const repair = { comparison, deleteExtra: true };
    const failure = { status: 'failed', error: { code: expect.stringMatching(code) as string } };
    expect(await rig.repair(DIR, repair, undefined, () => false)).toMatchObject(failure);
    expect(withoutTimes(await rig.row(DIR))).toEqual(withoutTimes(before));

    expect(await rig.repair(DIR, repair)).toMatchObject(failure);
    const { rsyncError, ...after } = withoutTimes(await rig.row(DIR));
    expect(rsyncError).toMatch(code);
    expect({ ...after, rsyncError: undefined }).toEqual({
      ...withoutTimes(before),
      rsyncFrequency: 1,
      rsyncAttempts: 1,
    });
    expect(rig.deletions).toBe(0);
    // What was missing on the pages before has arrived, and stays.
    expect(rig.names()).toEqual([...arrived, nameOf(1)].toSorted());
  });

  test.each(CASES.filter(({ what }) => ['answers 503', 'hangs up', 'is cut off'].includes(what)))(
    'of $side $what, nothing is deleted after another engine has synchronized the folder',
    async ({ side, code, fault }) => {
      const arrived = rig.names();
      failThirdPage(side, fault);
      expect(await rig.repair(DIR, { comparison, deleteExtra: true, syncFolder: nothing })).toMatchObject({
        status: 'failed',
        error: { code: expect.stringMatching(code) as string },
      });
      expect(rig.deletions).toBe(0);
      expect(rig.names()).toEqual(arrived);
    },
  );

  test.each(CASES)(
    'of $side $what when the figures are taken again, the repair has failed and its figures are those of before',
    async ({ side, code, fault }) => {
      const before = await rig.row(DIR);
      failThirdPage(side, fault, 2);
      expect(await rig.repair(DIR, { comparison, deleteExtra: true })).toMatchObject({ status: 'failed' });
      const { rsyncError, ...after } = withoutTimes(await rig.row(DIR));
      expect(rsyncError).toMatch(code);
      expect(after).toMatchObject({ missingCount: 1, extraCount: 1, gcsSizeBytes: before.gcsSizeBytes });
      expect(rig.deletions).toBe(1);
      expect(rig.names()).toHaveLength(OBJECTS);

      rig.clouds.heal();
      await rig.repair(DIR, { comparison, deleteExtra: true });
      expect(await rig.status(DIR)).toBe('verified');
      expect(await rig.openErrors(DIR)).toEqual([]);
    },
  );
});

describe('where a listing of many pages goes well', () => {
  test('both sides are walked in step, each no more than two pages ahead of the other', async () => {
    const asked = { s3: 0, gcs: 0 };
    let furthest = 0;
    for (const side of ['s3', 'gcs'] as const) {
      rig.clouds.break(side, () => {
        asked[side]++;
        furthest = Math.max(furthest, Math.abs(asked.s3 - asked.gcs));
        return false;
      });
    }
    await rig.check(DIR, comparison);
    expect(asked).toEqual({ s3: 3, gcs: 3 });
    expect(furthest).toBeLessThanOrEqual(2);
  });
});
