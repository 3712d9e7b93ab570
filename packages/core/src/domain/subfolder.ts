/** What one comparison of a subfolder found. */
export interface CheckFigures {
  readonly s3SizeBytes: number;
  readonly gcsSizeBytes: number;
  readonly s3ObjectCount: number;
  readonly gcsObjectCount: number;
  /** At the source, not at the destination. */
  readonly missingCount: number;
  /** On both sides, with different content. */
  readonly mismatchedCount: number;
  /** At the destination only. */
  readonly extraCount: number;
}

/**
 * A row of the state table: one subfolder of the root (`dirKey` ends in a slash) or, with `dirKey` `''`, the objects
 * directly under it.
 *
 * initialTransfer and not cdnTransferPublished: waiting for, or claimed by, a publisher.
 * cdnTransferPublished: every object of it has been confirmed by the queue.
 * syncCheckInProgress: a worker is comparing the two sides; the figures are of the check before.
 * After a check (syncCheckFrequency > 0): verified or mismatched, as {@link isVerified} says.
 */
export interface Subfolder extends CheckFigures {
  readonly dirKey: string;
  readonly initialTransfer: boolean;
  readonly cdnTransferPublished: boolean;
  readonly syncCheckInProgress: boolean;
  readonly syncCheckFrequency: number;
  readonly syncCheckError: string | undefined;
  readonly objectsPublished: number;
  readonly bytesPublished: number;
}

const SUBFOLDER_STATUS = {
  /** Listed by `dump`, its objects not yet published. */
  waiting: 'waiting',
  /** Every object of it is on the queue or has been. */
  published: 'published',
  /** Compared, and not equal. */
  mismatched: 'mismatched',
  /** Compared, and proven equal: the only status that counts as done. */
  verified: 'verified',
} as const;
export type SubfolderStatus = (typeof SUBFOLDER_STATUS)[keyof typeof SUBFOLDER_STATUS];

export function subfolderStatus(row: Subfolder): SubfolderStatus {
  if (row.syncCheckFrequency > 0) return isVerified(row) ? SUBFOLDER_STATUS.verified : SUBFOLDER_STATUS.mismatched;
  return row.cdnTransferPublished ? SUBFOLDER_STATUS.published : SUBFOLDER_STATUS.waiting;
}

/**
 * Only this counts as done: checked without an error, sizes and counts equal apart from what the destination has
 * beyond the source, nothing missing and nothing mismatched.
 */
export function isVerified(row: Subfolder): boolean {
  return row.syncCheckFrequency > 0 && row.syncCheckError === undefined && figuresMatch(row);
}

/**
 * True where a comparison found every source object at the destination, equal. The sizes count for rows that the
 * reference tool checked: it knows no other figures.
 */
export function figuresMatch(figures: CheckFigures): boolean {
  const sizesMatch =
    figures.extraCount === 0
      ? figures.gcsSizeBytes === figures.s3SizeBytes
      : figures.gcsSizeBytes >= figures.s3SizeBytes;
  return (
    sizesMatch &&
    figures.missingCount === 0 &&
    figures.mismatchedCount === 0 &&
    figures.gcsObjectCount - figures.extraCount === figures.s3ObjectCount
  );
}
