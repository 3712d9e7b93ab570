import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import { describeError } from '@object-transfer/core/domain/classify-error';
import { compareSubfolder } from '@object-transfer/worker/sync-check/compare-subfolder';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { DESTINATION_BUCKET, never } from '../fixtures/clouds.ts';
import {
  brokenConnections,
  DESTINATION_CODES,
  refusals,
  refusalsToWaitFor,
  SOURCE_CODES,
  type FaultRow,
  type RefusalRows,
} from './http-fault-rows.ts';
import { HttpFaultRig } from './http-fault-rig.ts';
import type { HttpFault } from './http-fault.ts';

const OBJECTS = 25;

let rig: HttpFaultRig;
beforeAll(async () => {
  rig = await HttpFaultRig.start();
});
afterAll(() => rig[Symbol.asyncDispose]());
beforeEach(() => rig.clear());

/** The same objects on both sides, in three pages of S3. */
function fill(): void {
  for (let index = 100; index < 100 + OBJECTS; index++) {
    rig.clouds.put(`folder/${index}`, String(index));
    rig.clouds.gcs.objects.put(DESTINATION_BUCKET, `folder/${index}`, String(index));
  }
}

/** Compares the two sides as a check does. @returns figures and differences, or the code of the failure */
async function compare(): Promise<unknown> {
  const filter = createObjectFilter({ storageClasses: [], include: [], exclude: [] }, '');
  const mapping = { s3RootPrefix: '', gcsRootPrefix: '' };
  const { lister, adapters } = rig;
  const differences: string[] = [];
  try {
    const figures = await compareSubfolder(
      { mapping, lister, destination: adapters.destination, filter, namePolicy: 'fail' },
      'folder/',
      ({ kind }) => void differences.push(kind),
      never,
    );
    return { s3: figures.s3ObjectCount, gcs: figures.gcsObjectCount, differences };
  } catch (error) {
    return describeError(error).code;
  }
}

const COMPLETE = { s3: OBJECTS, gcs: OBJECTS, differences: [] };
const HEALS = 'heals';

/** Faults of an answer that is a page of a listing. */
function pageRows(invalid: string, connection: string): FaultRow[] {
  const cutShort: HttpFault = { kind: 'lie', headers: { 'content-length': '60' } };
  return [
    ...brokenConnections(connection, HEALS),
    { what: 'trickles', fault: { kind: 'trickle', pieces: 4, pieceBytes: 10, delayMs: 1 }, always: HEALS },
    { what: 'is half of itself', fault: { kind: 'truncate', length: 'plausible' }, always: invalid },
    { what: 'repeats a piece', fault: { kind: 'duplicate', length: 'longer' }, always: invalid },
    { what: 'repeats a piece within its length', fault: { kind: 'duplicate', length: 'kept' }, always: invalid },
    { what: 'claims too few bytes', fault: cutShort, always: invalid },
    { what: 'is compressed', fault: { kind: 'compressed' }, always: invalid },
  ];
}

/** A listing has no 404 but that of its bucket, and `NoSuchKey` does not say that. */
const LISTING_CODES = { ...SOURCE_CODES, 404: 'SOURCE_UNAVAILABLE' };
const FINAL = [400, 403, 412, 416];
const OF_S3: RefusalRows = { by: 's3', codes: LISTING_CODES, final: FINAL, healed: HEALS };
const OF_GCS: RefusalRows = { by: 'gcs', codes: DESTINATION_CODES, final: [...FINAL, 404], healed: HEALS };

const LISTINGS = [
  { leg: 's3 list', refused: OF_S3, rows: pageRows('SOURCE_LISTING_INVALID', 'SOURCE_CONNECTION') },
  { leg: 'gcs list', refused: OF_GCS, rows: pageRows('DESTINATION_LISTING_INVALID', 'DESTINATION_CONNECTION') },
] as const;

describe.each(LISTINGS)('$leg: an answer', ({ leg, refused, rows }) => {
  test.each([...rows, ...refusals(refused), ...refusalsToWaitFor(refused)])(
    'that $what never makes a listing shorter',
    async ({ fault, twice = HEALS, always }) => {
      fill();
      rig.break(leg, fault, 2);
      expect(await compare()).toEqual(twice === HEALS ? COMPLETE : twice);
      rig.break(leg, fault);
      expect(await compare()).toEqual(always === HEALS ? COMPLETE : always);
      rig.heal();
      expect(await compare()).toEqual(COMPLETE);
    },
  );
});

test('a listing of S3 that is refused from its second page on is no listing', async () => {
  fill();
  let pages = 0;
  rig.chooseBy((leg) => (leg === 's3 list' && ++pages > 1 ? { kind: 'status', status: 500, by: 's3' } : undefined));
  expect(await compare()).toBe('SOURCE_UNAVAILABLE');
  expect(pages).toBeGreaterThan(1);
});
