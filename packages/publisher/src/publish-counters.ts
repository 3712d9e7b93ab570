/** What publishing has done so far, or in a dry run would do. */
export interface PublishCounters {
  /** Subfolders of which every message was confirmed by the queue. */
  readonly subfolders: number;
  /** Objects in confirmed messages, those of subfolders that failed half-way included. */
  readonly objects: number;
  /** Their size. */
  readonly bytes: number;
  readonly messages: number;
  /** Objects that the filter left out. */
  readonly filtered: number;
  /** Objects that S3 will not serve until they are restored: recorded as errors, not published. */
  readonly archived: number;
  /** Subfolders whose lease ran out on the way: somebody else publishes them. */
  readonly leasesLost: number;
}

/** A subfolder whose objects could not be published. */
export interface PublishFailure {
  readonly dirKey: string;
  /** Stable code of the error. */
  readonly code: string;
  readonly message: string;
}

export interface PublishResult extends PublishCounters {
  /** At most one for each subfolder; one that went well at a later try is not in here. */
  readonly failures: readonly PublishFailure[];
  /**
   * Subfolders that wait to be published and that others held at the end: they publish them, or their leases run out and
   * the next publisher does. 0 in a dry run, which counts these like all others.
   */
  readonly leasedByOthers: number;
}

/** The counters while they run. */
export type RunningCounters = { -readonly [K in keyof PublishCounters]: PublishCounters[K] };

export function newCounters(): RunningCounters {
  return { subfolders: 0, objects: 0, bytes: 0, messages: 0, filtered: 0, archived: 0, leasesLost: 0 };
}
