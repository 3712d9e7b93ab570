import type { CheckFigures } from '@object-transfer/core/domain/subfolder';

/** Of a subfolder that is equal on both sides. */
export function equalFigures(objects: number, bytes: number): CheckFigures {
  return {
    s3SizeBytes: bytes,
    gcsSizeBytes: bytes,
    s3ObjectCount: objects,
    gcsObjectCount: objects,
    missingCount: 0,
    mismatchedCount: 0,
    unprovenCount: 0,
    extraCount: 0,
  };
}
