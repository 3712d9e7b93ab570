import { hasMd5EtagForm, type ExpectedObject } from './source-object.ts';

/** Custom metadata name under which the source's ETag is kept beside the user's own metadata. */
export const SOURCE_ETAG_METADATA = 'x-goog-source-etag';

/** Custom metadata name that `gcloud storage rsync` reads for the modification time, in whole seconds since 1970. */
export const MTIME_METADATA = 'goog-reserved-file-mtime';

/** One object of the destination as GCS reports it. */
export interface DestinationObject {
  readonly name: string;
  readonly sizeBytes: number;
  /** Decimal string: generations exceed the safe integers of JavaScript in theory. */
  readonly generation: string;
  /** CRC32C of the whole object as an unsigned 32-bit integer. */
  readonly crc32c: number | undefined;
  /** Lower-case hexadecimal; absent on composite objects. */
  readonly md5: string | undefined;
  readonly sourceEtag: string | undefined;
}

export type Evidence = 'equal' | 'different' | 'unproven';

/**
 * Holds a destination object against what the source has: equal size and either the MD5 or the kept source ETag.
 * `unproven` means that nothing speaks against it, and nothing for it but the size.
 */
export function compareWithSource(expected: ExpectedObject, found: DestinationObject): Evidence {
  if (expected.sizeBytes !== found.sizeBytes) return 'different';
  // The ETag of a KMS-encrypted object has the form of an MD5 without being one, so a kept source ETag, where it
  // agrees, outweighs an MD5 that does not.
  if (found.sourceEtag !== undefined && found.sourceEtag === expected.etag) return 'equal';
  if (found.md5 !== undefined) {
    if (found.md5 === expected.etag) return 'equal';
    if (hasMd5EtagForm(expected.etag)) return 'different';
  }
  if (found.sourceEtag !== undefined) return 'different';
  return 'unproven';
}
