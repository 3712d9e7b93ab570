import type { CheckFigures, Subfolder } from '../domain/subfolder.ts';

/**
 * The right to work on one subfolder until `expiresAt`. Leases are fenced: `leaseOwner` is unique to this claim, and
 * every statement that ends or prolongs the lease demands it, so that a holder who slept past its lease changes nothing.
 */
export interface SubfolderLease {
  readonly dirKey: string;
  readonly leaseOwner: string;
  readonly expiresAt: Date;
}

export interface ClaimRequest {
  /** Who claims: host, process and a part that no other process has. The store adds a part unique to each claim. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly limit: number;
  /** What they are claimed for; default `objects`. */
  readonly target?: ClaimTarget | undefined;
}

/**
 * What a publisher claims subfolders for: `objects` to transfer them, `syncCheck` to have them compared, `rsync` to have
 * those repaired that are not equal, `rsyncExtras` those that are equal but for what only the destination has.
 */
export type ClaimTarget = 'objects' | 'syncCheck' | 'rsync' | 'rsyncExtras';

/** How a comparison or a repair of a subfolder ended: with the figures of a comparison, or with why there are none. */
export type WorkOutcome = { readonly figures: CheckFigures } | { readonly error: string };

export interface PublishedCounts {
  readonly objects: number;
  readonly bytes: number;
}

export interface ObjectErrorRecord {
  readonly dirKey: string;
  readonly key: string;
  readonly code: string;
  readonly message: string;
  /** Deliveries and in-process tries that the object has had so far. */
  readonly attempts: number;
}

/** Which open errors to list. */
export interface OpenObjectErrorFilter {
  readonly limit: number;
  /** `undefined` lists the errors of all subfolders. */
  readonly dirKey?: string | undefined;
  /** `undefined` lists all codes. */
  readonly code?: string | undefined;
  /** Only keys after this one, which is the last of the page before. */
  readonly afterKey?: string | undefined;
}

export interface ObjectErrorCount {
  readonly code: string;
  readonly count: number;
}

/** What is to be done again: publishing the objects, comparing, or repairing. */
export type SubfolderReset = 'objects' | 'syncCheck' | 'rsync';

export type RunCounters = Readonly<Record<string, number>>;

export interface OpenObjectError extends ObjectErrorRecord {
  readonly firstSeen: Date;
  readonly lastSeen: Date;
}

export const RUN_STATUS = {
  running: 'RUNNING',
  succeeded: 'SUCCEEDED',
  failed: 'FAILED',
  abandoned: 'ABANDONED',
} as const;
export type RunStatus = (typeof RUN_STATUS)[keyof typeof RUN_STATUS];

export interface RunRecord {
  readonly runId: string;
  /** What runs: `run`, `dump`, `publisher objects`, … One job runs once at a time. */
  readonly job: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: Date;
  readonly heartbeatAt: Date;
  readonly endedAt: Date | undefined;
  readonly status: RunStatus;
  readonly exitMessage: string | undefined;
  /** Who started it, as the operating system knows them. */
  readonly userName: string | undefined;
  readonly counters: RunCounters;
}

export interface WorkerReport {
  readonly workerId: string;
  readonly runId: string | undefined;
  readonly mode: string;
  readonly host: string;
  readonly pid: number;
  readonly counters: Readonly<Record<string, number>>;
  /** This is the last report: the worker counts as live no more. Default false. */
  readonly hasEnded?: boolean | undefined;
}

export interface WorkerRecord extends Omit<WorkerReport, 'hasEnded'> {
  readonly heartbeatAt: Date;
}

/** What {@link StateStore.readFleet} is to look at; neither list may be empty. */
export interface FleetRequest {
  /** Modes of the workers that are counted. */
  readonly modes: readonly string[];
  /** A worker whose last report is older than this counts as dead. */
  readonly staleAfterMs: number;
  /** Names of the controls that are read. */
  readonly controls: readonly string[];
}

export interface FleetReading {
  /** The time of the reading, by the state's own clock. */
  readonly at: Date;
  readonly liveWorkers: number;
  /** By name; without those that have no value. */
  readonly controls: ReadonlyMap<string, string>;
}

export interface SubfolderCounts {
  readonly total: number;
  /** By status, see `subfolderStatus`: these five add up to `total`. */
  readonly waiting: number;
  readonly published: number;
  readonly mismatched: number;
  readonly failed: number;
  readonly verified: number;
  /** Compared at least once. */
  readonly checked: number;
  /** Of the verified, those that were repaired at least once. */
  readonly repaired: number;
  readonly beingChecked: number;
  readonly beingRepaired: number;
  readonly objectsPublished: number;
  readonly bytesPublished: number;
}

/** The state table and its side tables. Each transition is one guarded statement whose row count is checked. */
export interface StateStore {
  /**
   * Adds the rows that are not there yet, all of them or none. These must not lie within each other. @returns how many
   * were new. @throws ConfigurationError `CONFIG_DUMP_FILE_FORMAT` where a new one lies within a row that is there, or the
   * reverse: the objects of the inner one would be transferred and counted twice
   */
  addSubfolders(dirKeys: readonly string[]): Promise<number>;
  /** How many of these would be new: what `--dry-run` says. @throws ConfigurationError as {@link addSubfolders} */
  countNewSubfolders(dirKeys: readonly string[]): Promise<number>;
  getSubfolder(dirKey: string): Promise<Subfolder | undefined>;
  /** Rows after `afterDirKey` (exclusive; `undefined` starts at the beginning) in byte order, at most `limit`. */
  listSubfolders(afterDirKey: string | undefined, limit: number): Promise<readonly Subfolder[]>;
  /** @param maxRsyncAttempts repairs after which a subfolder counts as failed; default 3 */
  countSubfolders(maxRsyncAttempts?: number): Promise<SubfolderCounts>;

  /**
   * Takes subfolders that wait for a publisher (of their objects, unless the request says otherwise) and that nobody holds,
   * or whose lease has run out.
   */
  claimSubfolders(request: ClaimRequest): Promise<readonly SubfolderLease[]>;
  /** How many subfolders that wait for a publisher somebody holds, so that they cannot be claimed yet. */
  countHeldUnpublished(target?: ClaimTarget): Promise<number>;
  /** @returns the prolonged lease, or `undefined` where it was lost */
  extendSubfolderLease(lease: SubfolderLease, leaseMs: number): Promise<SubfolderLease | undefined>;
  /** Gives the subfolder back unpublished. @returns false where the lease was lost */
  releaseSubfolder(lease: SubfolderLease): Promise<boolean>;
  /** Marks the subfolder as published, after the queue has confirmed every message. @returns false where the lease was lost */
  confirmPublished(lease: SubfolderLease, counts: PublishedCounts): Promise<boolean>;
  /** As {@link confirmPublished}, for a subfolder whose comparison or repair the queue has confirmed. */
  confirmWorkPublished(lease: SubfolderLease, target: Exclude<ClaimTarget, 'objects'>): Promise<boolean>;

  /**
   * Takes back that the queue has a subfolder for a comparison or a repair: a worker could not do it now, and it is to be
   * published once more.
   */
  withdrawPublished(dirKey: string, target: 'syncCheck' | 'rsync'): Promise<void>;

  /**
   * Begins a check where nobody holds the subfolder and neither a check nor a repair is going on; one whose lease has run
   * out is taken over. @returns `undefined` where one is going on, or there is no such subfolder
   */
  startSyncCheck(dirKey: string, owner: string, leaseMs: number): Promise<SubfolderLease | undefined>;
  /** Stores what the check found, or why it could not. @returns false where the lease was lost */
  finishSyncCheck(lease: SubfolderLease, outcome: WorkOutcome): Promise<boolean>;
  /**
   * Ends a check that was broken off and has no result: the row is as if it had never begun.
   * @returns false where the lease was lost
   */
  releaseSyncCheck(lease: SubfolderLease): Promise<boolean>;

  /** Begins a repair, on the terms of {@link startSyncCheck}. */
  startRsync(dirKey: string, owner: string, leaseMs: number): Promise<SubfolderLease | undefined>;
  /**
   * Stores what the comparison after the repair found, or why there is none. A subfolder that is not equal is published
   * for the next repair, unless this was the last of `maxAttempts`. @returns false where the lease was lost
   */
  finishRsync(lease: SubfolderLease, outcome: WorkOutcome, maxAttempts: number): Promise<boolean>;
  /** As {@link releaseSyncCheck}. */
  releaseRsync(lease: SubfolderLease): Promise<boolean>;

  /**
   * Adds to the open errors, one per key; one that is open already gets the new code, message and attempts, one that was
   * resolved begins afresh.
   * @param lease of the subfolder that all of them are of, where its holder found them: it fences them, as somebody else may have found
   *   out better since. Who settles a message holds none. @throws StateError `STATE_LEASE_LOST`
   */
  recordObjectErrors(errors: readonly ObjectErrorRecord[], lease?: SubfolderLease): Promise<void>;
  /** Closes the open errors of these keys. */
  resolveObjectErrors(dirKey: string, keys: readonly string[]): Promise<void>;
  /**
   * Opens an error for each object of a subfolder that a comparison found unequal and that has none; one that is open keeps
   * its reason. Each key once.
   * @param lease the comparison's, which fences it. @throws StateError `STATE_LEASE_LOST`
   */
  recordDifferences(lease: SubfolderLease, differences: readonly ObjectErrorRecord[]): Promise<void>;
  /**
   * Closes the open errors of a subfolder that were last seen before a comparison began that is complete.
   * @param lease as in {@link recordDifferences}
   * @returns how many
   */
  resolveUnseenErrors(lease: SubfolderLease, seenBefore: Date): Promise<number>;
  /** How many open errors there are of each code, the most frequent first. */
  countOpenObjectErrors(dirKey?: string): Promise<readonly ObjectErrorCount[]>;
  /** Open errors of a subfolder, or of all, in the order of their keys, at most `limit`. */
  listOpenObjectErrors(filter: OpenObjectErrorFilter): Promise<readonly OpenObjectError[]>;

  /**
   * Registers a run. @throws StateError `STATE_RUN_ACTIVE` ("already running since … on …") while another run of the
   * same job has a heartbeat younger than `staleAfterMs` and `isAlive` does not say that its process is gone. Any other
   * run of the job that has not ended is marked as abandoned
   */
  beginRun(run: {
    readonly runId: string;
    readonly job: string;
    readonly host: string;
    readonly pid: number;
    readonly userName?: string | undefined;
    readonly staleAfterMs: number;
    readonly isAlive: (other: RunRecord) => boolean;
  }): Promise<void>;
  /** @throws StateError `STATE_LEASE_LOST` where the run has ended, or another has taken over */
  heartbeatRun(runId: string, counters?: RunCounters): Promise<void>;
  /** @throws StateError `STATE_LEASE_LOST` as {@link heartbeatRun} */
  endRun(
    runId: string,
    status: Exclude<RunStatus, 'RUNNING'>,
    exitMessage: string | undefined,
    counters?: RunCounters,
  ): Promise<void>;
  /** Runs, the latest first; `running` are those that have not ended, whether or not their process lives. */
  listRuns(filter: { readonly running?: boolean | undefined; readonly limit: number }): Promise<readonly RunRecord[]>;
  /** Ends a run from outside. @returns false where it has ended already, or there is no such run */
  abandonRun(runId: string, exitMessage: string): Promise<boolean>;

  /** Stores a worker's heartbeat and counters. */
  reportWorker(report: WorkerReport): Promise<void>;
  listWorkers(runId: string): Promise<readonly WorkerRecord[]>;
  /** True where a worker has ended, or has not reported for so long; false, too, where it has never reported here. */
  isWorkerSilent(workerId: string, silentForMs: number): Promise<boolean>;

  /** What workers that share something go by: how many they are, and controls. */
  readFleet(request: FleetRequest): Promise<FleetReading>;

  /** The time by the state's own clock, by which everything in it is dated. */
  now(): Promise<Date>;

  /**
   * Settles a control, a named value that every process sees, unless it is settled already.
   * @returns the value that holds
   */
  settleControl(name: string, value: string): Promise<string>;
  /**
   * Gives a control another value, unless somebody else has done so first.
   * @param expected the value that it has now; `undefined`: none
   * @returns false where it has another one by now
   */
  replaceControl(name: string, expected: string | undefined, value: string): Promise<boolean>;

  /** Makes subfolders due again, whoever holds them. @returns how many of the keys have a row */
  resetSubfolders(reset: SubfolderReset, dirKeys: readonly string[]): Promise<number>;
  /** Ends what somebody does to a subfolder, at once. @returns false where nobody did anything, or there is no row */
  abandonSubfolder(dirKey: string): Promise<boolean>;

  /**
   * Lets go of every lease whose owner `isDead` says is gone, without waiting for it to run out: after a crash on one
   * machine. @returns how many
   */
  reclaimLeases(isDead: (leaseOwner: string) => boolean): Promise<number>;
  close(): Promise<void>;
}
