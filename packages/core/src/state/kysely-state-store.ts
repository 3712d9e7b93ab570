import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import { DEFAULT_MAX_RSYNC_ATTEMPTS, type Subfolder } from '../domain/subfolder.ts';
import {
  type ClaimRequest,
  type ClaimTarget,
  type FleetReading,
  type FleetRequest,
  type ObjectErrorCount,
  type ObjectErrorRecord,
  type OpenObjectError,
  type OpenObjectErrorFilter,
  type PublishedCounts,
  type RunCounters,
  type RunRecord,
  type StateStore,
  type SubfolderCounts,
  type SubfolderLease,
  type SubfolderReset,
  type WorkOutcome,
  type WorkerRecord,
  type WorkerReport,
  RUN_STATUS,
} from '../ports/state-store.ts';
import { addSubfolders, countNewSubfolders, findAdded, refuseLongKeys } from './add-subfolders.ts';
import { claimSubfolders, countHeldUnpublished } from './claim-subfolders.ts';
import { confirmPublished, extendSubfolderLease, releaseSubfolder, withdrawPublished } from './hold-subfolder.ts';
import { createLeaseOwner } from './lease-owner.ts';
import { findHeld, hasEnded, wasFinished, wasPublished, wasReleased, wasWorkPublished } from './find-lost-results.ts';
import {
  countOpenObjectErrors,
  listOpenObjectErrors,
  recordObjectErrors,
  resolveObjectErrors,
} from './object-errors.ts';
import type { QueryOverrides } from './query-overrides.ts';
import { readFleet } from './read-fleet.ts';
import { countSubfolders, getSubfolder, listSubfolders } from './read-subfolders.ts';
import { reclaimSubfolderLeases } from './reclaim-subfolder-leases.ts';
import { recordDifferences, resolveUnseenErrors } from './record-differences.ts';
import { abandonRun, beginRun, endRun, heartbeatRun, listRuns } from './register-runs.ts';
import { isWorkerSilent, listWorkers, reportWorker } from './report-workers.ts';
import { hasControl, replaceControl } from './replace-control.ts';
import { abandonSubfolder, resetSubfolders } from './reset-subfolders.ts';
import { settleControl } from './settle-control.ts';
import type { StateTables } from './state-tables.ts';
import { finishWork, releaseWork, startWork, type SubfolderWork } from './work-on-subfolder.ts';

export interface KyselyStateStoreOptions {
  readonly db: Kysely<StateTables>;
  /** Milliseconds since 1970. */
  readonly now: () => number | Promise<number>;
  /**
   * Runs the work of one operation, again where that helps, and turns the errors of the database's driver into a
   * StateError. The work is told whether it runs again: then it may have been done before, its answer lost.
   */
  readonly attempt: <T>(op: string, work: (isRepeated: boolean) => Promise<T>) => Promise<T>;
  /** Can read past rows that others have locked (`FOR UPDATE SKIP LOCKED`). */
  readonly skipsLocked: boolean;
  /** Has to be told to use the index of what can be claimed. */
  readonly forcesIndex: boolean;
  /** The longest key that a row can have. */
  readonly maxDirKeyCharacters: number;
  /** Statements in place of the built-in ones. */
  readonly overrides?: QueryOverrides | undefined;
  readonly close: () => Promise<void>;
}

/** The state store over any SQL database that kysely speaks to; the statements are in the files beside this one. */
export class KyselyStateStore implements StateStore {
  readonly #options: KyselyStateStoreOptions;
  readonly #overrides: QueryOverrides;

  constructor(options: KyselyStateStoreOptions) {
    this.#options = options;
    this.#overrides = options.overrides ?? {};
  }

  addSubfolders(dirKeys: readonly string[]): Promise<number> {
    const { maxDirKeyCharacters } = this.#options;
    const operation = randomUUID();
    return this.#run('addSubfolders', async (db, now, isRepeated) => {
      refuseLongKeys(dirKeys, maxDirKeyCharacters);
      if (isRepeated) {
        const added = await findAdded(db, operation);
        if (added !== undefined) return added;
      }
      return addSubfolders(db, dirKeys, operation, now, this.#overrides.insertQuery);
    });
  }

  countNewSubfolders(dirKeys: readonly string[]): Promise<number> {
    return this.#run('countNewSubfolders', async (db) => {
      refuseLongKeys(dirKeys, this.#options.maxDirKeyCharacters);
      return countNewSubfolders(db, dirKeys);
    });
  }

  getSubfolder(dirKey: string): Promise<Subfolder | undefined> {
    return this.#run('getSubfolder', (db) => getSubfolder(db, dirKey));
  }

  listSubfolders(afterDirKey: string | undefined, limit: number): Promise<readonly Subfolder[]> {
    return this.#run('listSubfolders', (db) => listSubfolders(db, afterDirKey, limit));
  }

  countSubfolders(maxRsyncAttempts = DEFAULT_MAX_RSYNC_ATTEMPTS): Promise<SubfolderCounts> {
    return this.#run('countSubfolders', (db) => countSubfolders(db, maxRsyncAttempts));
  }

  claimSubfolders(request: ClaimRequest): Promise<readonly SubfolderLease[]> {
    const leaseOwner = createLeaseOwner(request.owner);
    return this.#run('claimSubfolders', async (db, now, isRepeated) => {
      const held = isRepeated ? await findHeld(db, leaseOwner) : [];
      if (held.length > 0) return held;
      return claimSubfolders(db, { ...request, leaseOwner }, now, {
        skipsLocked: this.#options.skipsLocked,
        forcesIndex: this.#options.forcesIndex,
        pullQuery: this.#overrides.pullQuery,
      });
    });
  }

  countHeldUnpublished(target: ClaimTarget = 'objects'): Promise<number> {
    const { forcesIndex } = this.#options;
    return this.#run('countHeldUnpublished', (db, now) => countHeldUnpublished(db, target, now, forcesIndex));
  }

  extendSubfolderLease(lease: SubfolderLease, leaseMs: number): Promise<SubfolderLease | undefined> {
    return this.#run('extendSubfolderLease', (db, now) => extendSubfolderLease(db, lease, leaseMs, now));
  }

  releaseSubfolder(lease: SubfolderLease): Promise<boolean> {
    return this.#run(
      'releaseSubfolder',
      async (db, now, isRepeated) =>
        (await releaseSubfolder(db, lease, now)) || (isRepeated && (await wasReleased(db, lease.dirKey))),
    );
  }

  confirmPublished(lease: SubfolderLease, counts: PublishedCounts): Promise<boolean> {
    return this.#run(
      'confirmPublished',
      async (db, now, isRepeated) =>
        (await confirmPublished(db, lease, { target: 'objects', counts }, now, this.#overrides)) ||
        (isRepeated && (await wasPublished(db, lease.dirKey, counts, this.#overrides))),
    );
  }

  confirmWorkPublished(lease: SubfolderLease, target: Exclude<ClaimTarget, 'objects'>): Promise<boolean> {
    return this.#run(
      'confirmWorkPublished',
      async (db, now, isRepeated) =>
        (await confirmPublished(db, lease, { target }, now, this.#overrides)) ||
        (isRepeated && (await wasWorkPublished(db, lease.dirKey, target, this.#overrides))),
    );
  }

  withdrawPublished(dirKey: string, target: 'syncCheck' | 'rsync'): Promise<void> {
    return this.#run('withdrawPublished', (db) => withdrawPublished(db, dirKey, target));
  }

  startSyncCheck(dirKey: string, owner: string, leaseMs: number): Promise<SubfolderLease | undefined> {
    return this.#start('syncCheck', dirKey, owner, leaseMs);
  }

  finishSyncCheck(lease: SubfolderLease, outcome: WorkOutcome): Promise<boolean> {
    return this.#finish('syncCheck', lease, outcome, 0);
  }

  releaseSyncCheck(lease: SubfolderLease): Promise<boolean> {
    return this.#release('syncCheck', lease);
  }

  startRsync(dirKey: string, owner: string, leaseMs: number): Promise<SubfolderLease | undefined> {
    return this.#start('rsync', dirKey, owner, leaseMs);
  }

  finishRsync(lease: SubfolderLease, outcome: WorkOutcome, maxAttempts: number): Promise<boolean> {
    return this.#finish('rsync', lease, outcome, maxAttempts);
  }

  releaseRsync(lease: SubfolderLease): Promise<boolean> {
    return this.#release('rsync', lease);
  }

  recordObjectErrors(errors: readonly ObjectErrorRecord[], lease?: SubfolderLease): Promise<void> {
    return this.#run('recordObjectErrors', (db, now) => recordObjectErrors(db, errors, now, lease));
  }

  resolveObjectErrors(dirKey: string, keys: readonly string[]): Promise<void> {
    return this.#run('resolveObjectErrors', (db, now) => resolveObjectErrors(db, dirKey, keys, now));
  }

  recordDifferences(lease: SubfolderLease, differences: readonly ObjectErrorRecord[]): Promise<void> {
    return this.#run('recordDifferences', (db, now) => recordDifferences(db, lease, differences, now));
  }

  resolveUnseenErrors(lease: SubfolderLease, seenBefore: Date): Promise<number> {
    return this.#run('resolveUnseenErrors', (db, now) => resolveUnseenErrors(db, lease, seenBefore, now));
  }

  countOpenObjectErrors(dirKey?: string): Promise<readonly ObjectErrorCount[]> {
    return this.#run('countOpenObjectErrors', (db) => countOpenObjectErrors(db, dirKey));
  }

  listOpenObjectErrors(filter: OpenObjectErrorFilter): Promise<readonly OpenObjectError[]> {
    return this.#run('listOpenObjectErrors', (db) => listOpenObjectErrors(db, filter));
  }

  beginRun(run: Parameters<StateStore['beginRun']>[0]): Promise<void> {
    return this.#run('beginRun', (db, now) => beginRun(db, run, now));
  }

  heartbeatRun(runId: string, counters?: RunCounters): Promise<void> {
    return this.#run('heartbeatRun', (db, now) => heartbeatRun(db, runId, counters, now));
  }

  listRuns(filter: Parameters<StateStore['listRuns']>[0]): Promise<readonly RunRecord[]> {
    return this.#run('listRuns', (db) => listRuns(db, filter));
  }

  abandonRun(runId: string, exitMessage: string): Promise<boolean> {
    const end = { status: RUN_STATUS.abandoned, exitMessage };
    return this.#run(
      'abandonRun',
      async (db, now, isRepeated) =>
        (await abandonRun(db, runId, exitMessage, now)) || (isRepeated && (await hasEnded(db, runId, end))),
    );
  }

  endRun(...[runId, status, exitMessage, counters]: Parameters<StateStore['endRun']>): Promise<void> {
    return this.#run('endRun', async (db, now, isRepeated) => {
      const end = { status, exitMessage, counters };
      if (isRepeated && (await hasEnded(db, runId, end))) return;
      await endRun(db, runId, end, now);
    });
  }

  reportWorker(report: WorkerReport): Promise<void> {
    return this.#run('reportWorker', (db, now) => reportWorker(db, report, now));
  }

  listWorkers(runId: string): Promise<readonly WorkerRecord[]> {
    return this.#run('listWorkers', (db) => listWorkers(db, runId));
  }

  isWorkerSilent(workerId: string, silentForMs: number): Promise<boolean> {
    return this.#run('isWorkerSilent', (db, now) => isWorkerSilent(db, workerId, silentForMs, now));
  }

  readFleet(request: FleetRequest): Promise<FleetReading> {
    return this.#run('readFleet', (db, now) => readFleet(db, request, now));
  }

  now(): Promise<Date> {
    return this.#run('now', async (_, now) => new Date(now));
  }

  settleControl(name: string, value: string): Promise<string> {
    return this.#run('settleControl', (db, now) => settleControl(db, name, value, now));
  }

  replaceControl(name: string, expected: string | undefined, value: string): Promise<boolean> {
    return this.#run(
      'replaceControl',
      async (db, now, isRepeated) =>
        (await replaceControl(db, name, expected, value, now)) || (isRepeated && (await hasControl(db, name, value))),
    );
  }

  resetSubfolders(reset: SubfolderReset, dirKeys: readonly string[]): Promise<number> {
    return this.#run('resetSubfolders', (db) => resetSubfolders(db, reset, dirKeys));
  }

  abandonSubfolder(dirKey: string): Promise<boolean> {
    return this.#run(
      'abandonSubfolder',
      async (db, _, isRepeated) =>
        (await abandonSubfolder(db, dirKey)) || (isRepeated && (await wasReleased(db, dirKey))),
    );
  }

  reclaimLeases(isDead: (leaseOwner: string) => boolean): Promise<number> {
    const reclaimed = new Map<string, number>();
    return this.#run('reclaimLeases', (db) => reclaimSubfolderLeases(db, isDead, reclaimed));
  }

  close(): Promise<void> {
    return this.#options.close();
  }

  #start(work: SubfolderWork, dirKey: string, owner: string, leaseMs: number): Promise<SubfolderLease | undefined> {
    const leaseOwner = createLeaseOwner(owner);
    return this.#run(`start ${work}`, async (db, now, isRepeated) => {
      const [held] = isRepeated ? await findHeld(db, leaseOwner) : [];
      return held ?? startWork(db, work, { dirKey, leaseOwner, leaseMs }, now, this.#overrides.startQuery);
    });
  }

  #finish(
    work: SubfolderWork,
    lease: SubfolderLease,
    outcome: WorkOutcome,
    maxRsyncAttempts: number,
  ): Promise<boolean> {
    const options = { maxRsyncAttempts, endQuery: this.#overrides.endQuery };
    return this.#run(
      `finish ${work}`,
      async (db, now, isRepeated) =>
        (await finishWork(db, work, lease, outcome, now, options)) ||
        (isRepeated && (await wasFinished(db, work, lease.dirKey, outcome, this.#overrides.endQuery))),
    );
  }

  #release(work: SubfolderWork, lease: SubfolderLease): Promise<boolean> {
    return this.#run(
      `release ${work}`,
      async (db, now, isRepeated) =>
        (await releaseWork(db, work, lease, now)) || (isRepeated && (await wasReleased(db, lease.dirKey))),
    );
  }

  #run<T>(op: string, work: (db: Kysely<StateTables>, now: number, isRepeated: boolean) => Promise<T>): Promise<T> {
    const { db, now, attempt } = this.#options;
    return attempt(op, async (isRepeated) => work(db, await now(), isRepeated));
  }
}
