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
  /** On both sides with the same size, and nothing that says whether the content is the same. */
  readonly unprovenCount: number;
  /** At the destination only. */
  readonly extraCount: number;
}

/** Before anything was counted. */
export const NO_FIGURES: CheckFigures = {
  s3SizeBytes: 0,
  gcsSizeBytes: 0,
  s3ObjectCount: 0,
  gcsObjectCount: 0,
  missingCount: 0,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
};

/**
 * A row of the state table: one subfolder of the root (`dirKey` ends in a slash) or, with `dirKey` `''`, the objects
 * directly under it.
 *
 * initialTransfer and not cdnTransferPublished: waiting for, or claimed by, a publisher.
 * cdnTransferPublished: every object of it has been confirmed by the queue.
 * syncCheckPublished: the queue has, or had, it to be compared. rsyncPublished: to be repaired, likewise.
 * syncCheckInProgress, rsyncInProgress: a worker is comparing or repairing; the figures are of the comparison before.
 * After a comparison (syncCheckFrequency > 0): verified, or to be repaired, as {@link subfolderStatus} says.
 */
export interface Subfolder extends CheckFigures {
  readonly dirKey: string;
  readonly initialTransfer: boolean;
  readonly cdnTransferPublished: boolean;
  readonly syncCheckPublished: boolean;
  readonly syncCheckInProgress: boolean;
  readonly syncCheckFrequency: number;
  readonly syncCheckLastStart: Date | undefined;
  readonly syncCheckLastEnd: Date | undefined;
  readonly syncCheckError: string | undefined;
  readonly rsyncPublished: boolean;
  readonly rsyncInProgress: boolean;
  /** Repairs that have ended, ever. */
  readonly rsyncFrequency: number;
  readonly rsyncLastStart: Date | undefined;
  readonly rsyncLastEnd: Date | undefined;
  readonly rsyncError: string | undefined;
  /** Repairs that have ended since the subfolder was last found equal, and that it still was not. */
  readonly rsyncAttempts: number;
  readonly objectsPublished: number;
  readonly bytesPublished: number;
}

const SUBFOLDER_STATUS = {
  /** Listed by `dump`, its objects not yet published. */
  waiting: 'waiting',
  /** Every object of it is on the queue or has been. */
  published: 'published',
  /** Compared, and not equal: to be repaired. */
  mismatched: 'mismatched',
  /** Not equal after as many repairs as there may be, or could not be compared: for somebody to look at. */
  failed: 'failed',
  /** Compared, and proven equal: the only status that counts as done. */
  verified: 'verified',
} as const;
export type SubfolderStatus = (typeof SUBFOLDER_STATUS)[keyof typeof SUBFOLDER_STATUS];

/** Repairs of one subfolder, unless the settings say otherwise. */
export const DEFAULT_MAX_RSYNC_ATTEMPTS = 3;

export function subfolderStatus(row: Subfolder, maxRsyncAttempts = DEFAULT_MAX_RSYNC_ATTEMPTS): SubfolderStatus {
  if (row.syncCheckFrequency > 0) {
    if (isVerified(row)) return SUBFOLDER_STATUS.verified;
    const isGivenUp = row.syncCheckError !== undefined || row.rsyncAttempts >= maxRsyncAttempts;
    return isGivenUp ? SUBFOLDER_STATUS.failed : SUBFOLDER_STATUS.mismatched;
  }
  return row.cdnTransferPublished ? SUBFOLDER_STATUS.published : SUBFOLDER_STATUS.waiting;
}

/**
 * Only this counts as done: checked without an error, sizes and counts equal apart from what the destination has
 * beyond the source, nothing missing, nothing mismatched and nothing unproven.
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
    figures.unprovenCount === 0 &&
    figures.gcsObjectCount - figures.extraCount === figures.s3ObjectCount
  );
}

/** To be compared: the rows that a publisher of comparisons looks for, as the reference tool has them. */
export function isCheckDue(row: Subfolder): boolean {
  return (row.gcsSizeBytes === 0 || row.syncCheckFrequency === 0) && !row.syncCheckPublished;
}

/** To be repaired. @param deleteExtra also where nothing is wrong but what only the destination has */
export function isRepairDue(row: Subfolder, deleteExtra: boolean): boolean {
  if (row.syncCheckFrequency === 0 || row.rsyncPublished) return false;
  return !figuresMatch(row) || (deleteExtra && row.extraCount > 0);
}
