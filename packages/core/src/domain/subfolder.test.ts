import { describe, expect, test } from 'vitest';
import { figuresMatch, isVerified, subfolderStatus, type Subfolder } from './subfolder.ts';

const WAITING: Subfolder = {
  dirKey: 'photos/',
  initialTransfer: true,
  cdnTransferPublished: false,
  syncCheckInProgress: false,
  syncCheckFrequency: 0,
  syncCheckError: undefined,
  syncCheckPublished: false,
  rsyncPublished: false,
  rsyncInProgress: false,
  rsyncFrequency: 0,
  rsyncError: undefined,
  rsyncLastStart: undefined,
  rsyncLastEnd: undefined,
  syncCheckLastStart: undefined,
  syncCheckLastEnd: undefined,
  rsyncAttempts: 0,
  s3SizeBytes: 0,
  gcsSizeBytes: 0,
  s3ObjectCount: 0,
  gcsObjectCount: 0,
  missingCount: 0,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
  objectsPublished: 0,
  bytesPublished: 0,
};
const PUBLISHED: Subfolder = { ...WAITING, initialTransfer: false, cdnTransferPublished: true };
const VERIFIED: Subfolder = {
  ...PUBLISHED,
  syncCheckFrequency: 1,
  s3SizeBytes: 10,
  gcsSizeBytes: 10,
  s3ObjectCount: 2,
  gcsObjectCount: 2,
};

describe('a subfolder is', () => {
  test('waiting until it was published, and published until it was checked', () => {
    expect(subfolderStatus(WAITING)).toBe('waiting');
    expect(subfolderStatus(PUBLISHED)).toBe('published');
    expect(subfolderStatus({ ...PUBLISHED, syncCheckInProgress: true })).toBe('published');
  });

  test('never verified by equal figures alone, without a check', () => {
    expect(isVerified({ ...VERIFIED, syncCheckFrequency: 0 })).toBe(false);
  });

  test('verified where a check found both sides equal', () => {
    expect(subfolderStatus(VERIFIED)).toBe('verified');
    expect(subfolderStatus({ ...VERIFIED, syncCheckFrequency: 300 })).toBe('verified');
    expect(subfolderStatus({ ...VERIFIED, s3SizeBytes: 0, gcsSizeBytes: 0, s3ObjectCount: 0, gcsObjectCount: 0 })).toBe(
      'verified',
    );
  });

  test.each<[string, Partial<Subfolder>]>([
    ['a missing object', { missingCount: 1, gcsObjectCount: 1, gcsSizeBytes: 5 }],
    ['a missing empty object', { missingCount: 1, gcsObjectCount: 1 }],
    ['a different object of the same size', { mismatchedCount: 1 }],
    ['an object that nothing proves equal', { unprovenCount: 1 }],
    ['fewer objects', { gcsObjectCount: 1 }],
    ['more objects, none of them known as extra', { gcsObjectCount: 3 }],
    ['other sizes, as the reference tool finds them', { s3ObjectCount: 0, gcsObjectCount: 0, gcsSizeBytes: 9 }],
    ['fewer bytes than the source, in spite of extra objects', { extraCount: 1, gcsObjectCount: 3, gcsSizeBytes: 9 }],
    ['a missing object hidden by an extra one', { missingCount: 1, extraCount: 1 }],
  ])('mismatched where a check ended with %s', (_reason, found) => {
    expect(subfolderStatus({ ...VERIFIED, ...found })).toBe('mismatched');
    expect(isVerified({ ...VERIFIED, ...found })).toBe(false);
  });

  test.each<[string, Partial<Subfolder>]>([
    ['could not be compared', { syncCheckError: 'DESTINATION_UNAVAILABLE: 503' }],
    ['could not be compared, for no reason', { syncCheckError: '' }],
    ['is not equal after all its repairs', { missingCount: 1, rsyncAttempts: 3 }],
  ])('failed where it %s', (_reason, found) => {
    expect(subfolderStatus({ ...VERIFIED, ...found })).toBe('failed');
    expect(isVerified({ ...VERIFIED, ...found })).toBe(false);
  });

  test('mismatched as long as there are repairs left, failed afterwards', () => {
    const row = { ...VERIFIED, missingCount: 1, rsyncAttempts: 2 };
    expect(subfolderStatus(row)).toBe('mismatched');
    expect(subfolderStatus(row, 2)).toBe('failed');
  });

  test('verified whatever the destination has beyond the source', () => {
    expect(figuresMatch({ ...VERIFIED, extraCount: 3, gcsObjectCount: 5, gcsSizeBytes: 99 })).toBe(true);
    expect(figuresMatch({ ...VERIFIED, extraCount: 1, gcsObjectCount: 3 })).toBe(true);
  });
});
