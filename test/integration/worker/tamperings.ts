import { SOURCE_ETAG_METADATA } from '@object-transfer/core/domain/destination-object';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import type { SubfolderRig } from './subfolder-rig.ts';

/** One way in which a destination that was equal is not any more. */
export interface Tampering {
  readonly what: string;
  readonly tamper: (rig: SubfolderRig, dirKey: string) => void;
  /** The open errors of a comparison by content: code, and the name in the subfolder. */
  readonly errors: readonly string[];
  readonly figures: Partial<CheckFigures>;
  /** Whether the sums of the sizes tell: all that the reference tool looks at. */
  readonly showsInSizes: boolean;
}

/** What every subfolder holds before: content by name. */
export const OBJECTS = { alpha: 'alpha', bravo: 'bravo', charlie: 'charlie!', nothing: '', parts: 'in two parts' };
/** Of an upload in parts: not an MD5, so that only the kept source ETag speaks for the object. */
const PARTS_ETAG = `${'0123456789abcdef'.repeat(2)}-2`;

/** @param dirKey `''`: the objects directly under the root */
export async function fillSubfolder(rig: SubfolderRig, dirKey: string): Promise<void> {
  for (const [name, body] of Object.entries(OBJECTS)) {
    await rig.arrive(dirKey + name, body, name === 'parts' ? { etag: PARTS_ETAG } : undefined);
  }
}

export const TAMPERINGS: readonly Tampering[] = [
  {
    what: 'an object is missing',
    tamper: (rig, dirKey) => rig.remove(`${dirKey}bravo`),
    errors: ['CHECK_MISSING bravo'],
    figures: { missingCount: 1, gcsObjectCount: 4, s3SizeBytes: 30, gcsSizeBytes: 25 },
    showsInSizes: true,
  },
  {
    what: 'an object of no bytes is missing',
    tamper: (rig, dirKey) => rig.remove(`${dirKey}nothing`),
    errors: ['CHECK_MISSING nothing'],
    figures: { missingCount: 1, gcsObjectCount: 4, gcsSizeBytes: 30 },
    showsInSizes: false,
  },
  {
    what: 'the whole folder is missing',
    tamper: (rig, dirKey) => Object.keys(OBJECTS).forEach((name) => rig.remove(dirKey + name)),
    errors: Object.keys(OBJECTS).map((name) => `CHECK_MISSING ${name}`),
    figures: { missingCount: 5, gcsObjectCount: 0, gcsSizeBytes: 0 },
    showsInSizes: true,
  },
  {
    what: 'an object is there that the source does not have',
    tamper: (rig, dirKey) => rig.write(`${dirKey}zulu`, 'zulu'),
    errors: ['CHECK_EXTRA zulu'],
    figures: { extraCount: 1, gcsObjectCount: 6, gcsSizeBytes: 34 },
    showsInSizes: true,
  },
  {
    what: 'an object of no bytes is there that the source does not have',
    tamper: (rig, dirKey) => rig.write(`${dirKey}zulu`, ''),
    errors: ['CHECK_EXTRA zulu'],
    figures: { extraCount: 1, gcsObjectCount: 6, gcsSizeBytes: 30 },
    showsInSizes: false,
  },
  {
    what: 'an object is cut off',
    tamper: (rig, dirKey) => rig.write(`${dirKey}bravo`, 'bra'),
    errors: ['CHECK_DIFFERENT bravo'],
    figures: { mismatchedCount: 1, gcsObjectCount: 5, gcsSizeBytes: 28 },
    showsInSizes: true,
  },
  {
    what: 'an object has other bytes of the same size',
    tamper: (rig, dirKey) => rig.write(`${dirKey}bravo`, 'BRAVO'),
    errors: ['CHECK_DIFFERENT bravo'],
    figures: { mismatchedCount: 1, gcsSizeBytes: 30 },
    showsInSizes: false,
  },
  {
    what: 'what one object lacks another has too much',
    tamper: (rig, dirKey) => {
      rig.write(`${dirKey}alpha`, 'alp');
      rig.write(`${dirKey}bravo`, 'bravoha');
    },
    errors: ['CHECK_DIFFERENT alpha', 'CHECK_DIFFERENT bravo'],
    figures: { mismatchedCount: 2, gcsSizeBytes: 30 },
    showsInSizes: false,
  },
  {
    what: 'the kept source ETag of an object without an MD5 is another',
    tamper: (rig, dirKey) =>
      rig.write(`${dirKey}parts`, OBJECTS.parts, { metadata: { [SOURCE_ETAG_METADATA]: 'another-2' } }),
    errors: ['CHECK_DIFFERENT parts'],
    figures: { mismatchedCount: 1, gcsSizeBytes: 30 },
    showsInSizes: false,
  },
  {
    what: 'the kept source ETag of an object without an MD5 is gone',
    tamper: (rig, dirKey) => rig.write(`${dirKey}parts`, OBJECTS.parts),
    errors: ['CHECK_UNPROVEN parts'],
    figures: { unprovenCount: 1, gcsSizeBytes: 30 },
    showsInSizes: false,
  },
  {
    // The CDN has the copy of `fillSubfolder`, and goes on serving it.
    what: 'the source has a new version of another size, and the CDN the old one',
    tamper: (rig, dirKey) => rig.put(`${dirKey}bravo`, 'bravissimo'),
    errors: ['CHECK_DIFFERENT bravo'],
    figures: { mismatchedCount: 1, s3SizeBytes: 35, gcsSizeBytes: 30 },
    showsInSizes: true,
  },
  {
    what: 'the source has a new version of the same size, and the CDN the old one',
    tamper: (rig, dirKey) => rig.put(`${dirKey}bravo`, 'BRAVO'),
    errors: ['CHECK_DIFFERENT bravo'],
    figures: { mismatchedCount: 1, s3SizeBytes: 30, gcsSizeBytes: 30 },
    showsInSizes: false,
  },
];
