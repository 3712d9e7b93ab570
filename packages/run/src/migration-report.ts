import { compareUtf8 } from '@object-transfer/core/domain/key-mapping';

/** What `run --report FILE` writes, and what its exit code follows from. Sizes in bytes. */
export interface MigrationReport {
  readonly subfolders: number;
  readonly objects: {
    /** At the source, after the filters, in the listing that was compared with the destination's. */
    readonly listed: number;
    /** Copied by this run. */
    readonly transferred: number;
    /** Proven equal without having been copied by this run. */
    readonly skipped: number;
    /** Missing or different at the destination, or not provable, at the end. */
    readonly failed: number;
  };
  readonly bytes: { readonly listed: number; readonly transferred: number };
  readonly rounds: {
    /** Comparisons of all subfolders. */
    readonly checks: number;
    /** Of these, those after which something was transferred once more. */
    readonly repairs: number;
    /** What was transferred once more because a comparison found it missing or different, each time counted. */
    readonly objectsRepaired: number;
  };
  /** True only where the listings of both sides were compared object by object, and every source object was proven equal. */
  readonly verified: boolean;
  /** At most {@link MAX_REPORTED_FAILURES}, in the order of their keys; the state file has them all. */
  readonly failures: readonly ReportedFailure[];
  readonly elapsedMs: number;
}

export interface ReportedFailure {
  /** An object's key, or the prefix of a subfolder that could not be listed. */
  readonly key: string;
  readonly code: string;
  readonly message: string;
}

export const MAX_REPORTED_FAILURES = 10_000;

export interface ReportFigures {
  readonly subfolders: number;
  readonly unverifiedSubfolders: number;
  readonly objectsListed: number;
  readonly bytesListed: number;
  /** Missing, different or not provable. */
  readonly objectsNotEqual: number;
  readonly objectsTransferred: number;
  readonly bytesTransferred: number;
  /** In any order; where there are too many for a report, the first ones go in. */
  readonly failures: readonly ReportedFailure[];
  readonly rounds: MigrationReport['rounds'];
  readonly elapsedMs: number;
}

/**
 * An object that this run copied twice, because it changed at the source meanwhile, is one object: `transferred` never
 * exceeds what is equal at the end, and the three outcomes always add up to `listed`.
 */
export function createReport(figures: ReportFigures): MigrationReport {
  const equal = figures.objectsListed - figures.objectsNotEqual;
  const transferred = Math.min(figures.objectsTransferred, equal);
  return {
    subfolders: figures.subfolders,
    objects: {
      listed: figures.objectsListed,
      transferred,
      skipped: equal - transferred,
      failed: figures.objectsNotEqual,
    },
    bytes: { listed: figures.bytesListed, transferred: figures.bytesTransferred },
    rounds: figures.rounds,
    verified: figures.unverifiedSubfolders === 0 && figures.objectsNotEqual === 0 && figures.failures.length === 0,
    failures: figures.failures.slice(0, MAX_REPORTED_FAILURES).toSorted((a, b) => compareUtf8(a.key, b.key)),
    elapsedMs: figures.elapsedMs,
  };
}
