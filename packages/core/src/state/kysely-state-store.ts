import { randomUUID } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { CheckFigures, Subfolder } from '../domain/subfolder.ts';
import type {
  ClaimRequest,
  ObjectErrorRecord,
  OpenObjectError,
  OpenObjectErrorFilter,
  PublishedCounts,
  RunStatus,
  StateStore,
  SubfolderCounts,
  SubfolderLease,
  WorkerRecord,
  WorkerReport,
} from '../ports/state-store.ts';
import { addSubfolders, countNewSubfolders, findAdded, refuseLongKeys } from './add-subfolders.ts';
import { finishSyncCheck, releaseSyncCheck, startSyncCheck } from './check-subfolder.ts';
import { claimSubfolders, countHeldUnpublished } from './claim-subfolders.ts';
import { confirmPublished, extendSubfolderLease, releaseSubfolder } from './hold-subfolder.ts';
import { createLeaseOwner } from './lease-owner.ts';
import { findHeld, hasEnded, wasChecked, wasPublished, wasReleased } from './find-lost-results.ts';
import { listOpenObjectErrors, recordObjectErrors, resolveObjectErrors } from './object-errors.ts';
import type { QueryOverrides } from './query-overrides.ts';
import { countSubfolders, getSubfolder, listSubfolders } from './read-subfolders.ts';
import { reclaimSubfolderLeases } from './reclaim-subfolder-leases.ts';
import { beginRun, endRun, heartbeatRun } from './register-runs.ts';
import { listWorkers, reportWorker } from './report-workers.ts';
import { settleControl } from './settle-control.ts';
import type { StateTables } from './state-tables.ts';

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
  /** What makes the database use the index of what can be claimed, where it has to be told; else empty. */
  readonly claimHint: string;
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

  countSubfolders(): Promise<SubfolderCounts> {
    return this.#run('countSubfolders', countSubfolders);
  }

  claimSubfolders(request: ClaimRequest): Promise<readonly SubfolderLease[]> {
    const leaseOwner = createLeaseOwner(request.owner);
    return this.#run('claimSubfolders', async (db, now, isRepeated) => {
      const held = isRepeated ? await findHeld(db, leaseOwner) : [];
      if (held.length > 0) return held;
      return claimSubfolders(db, { ...request, leaseOwner }, now, {
        skipsLocked: this.#options.skipsLocked,
        claimHint: this.#options.claimHint,
        pullQuery: this.#overrides.pullQuery,
      });
    });
  }

  countHeldUnpublished(): Promise<number> {
    return this.#run('countHeldUnpublished', (db, now) => countHeldUnpublished(db, now, this.#options.claimHint));
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
        (await confirmPublished(db, lease, counts, now, this.#overrides)) ||
        (isRepeated && (await wasPublished(db, lease.dirKey, counts, this.#overrides))),
    );
  }

  startSyncCheck(dirKey: string, owner: string, leaseMs: number): Promise<SubfolderLease | undefined> {
    const leaseOwner = createLeaseOwner(owner);
    return this.#run('startSyncCheck', async (db, now, isRepeated) => {
      const [held] = isRepeated ? await findHeld(db, leaseOwner) : [];
      return held ?? startSyncCheck(db, { dirKey, leaseOwner, leaseMs }, now, this.#overrides.startQuery);
    });
  }

  finishSyncCheck(
    lease: SubfolderLease,
    result: { readonly figures: CheckFigures } | { readonly error: string },
  ): Promise<boolean> {
    return this.#run(
      'finishSyncCheck',
      async (db, now, isRepeated) =>
        (await finishSyncCheck(db, lease, result, now, this.#overrides.endQuery)) ||
        (isRepeated && (await wasChecked(db, lease.dirKey, result, this.#overrides.endQuery))),
    );
  }

  releaseSyncCheck(lease: SubfolderLease): Promise<boolean> {
    return this.#run(
      'releaseSyncCheck',
      async (db, now, isRepeated) =>
        (await releaseSyncCheck(db, lease, now)) || (isRepeated && (await wasReleased(db, lease.dirKey))),
    );
  }

  recordObjectErrors(errors: readonly ObjectErrorRecord[]): Promise<void> {
    return this.#run('recordObjectErrors', (db, now) => recordObjectErrors(db, errors, now));
  }

  resolveObjectErrors(dirKey: string, keys: readonly string[]): Promise<void> {
    return this.#run('resolveObjectErrors', (db, now) => resolveObjectErrors(db, dirKey, keys, now));
  }

  listOpenObjectErrors(filter: OpenObjectErrorFilter): Promise<readonly OpenObjectError[]> {
    return this.#run('listOpenObjectErrors', (db) => listOpenObjectErrors(db, filter));
  }

  beginRun(run: Parameters<StateStore['beginRun']>[0]): Promise<void> {
    return this.#run('beginRun', (db, now) => beginRun(db, run, now));
  }

  heartbeatRun(runId: string): Promise<void> {
    return this.#run('heartbeatRun', (db, now) => heartbeatRun(db, runId, now));
  }

  endRun(runId: string, status: Exclude<RunStatus, 'RUNNING'>, exitMessage: string | undefined): Promise<void> {
    return this.#run('endRun', async (db, now, isRepeated) => {
      const end = { status, exitMessage };
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

  settleControl(name: string, value: string): Promise<string> {
    return this.#run('settleControl', (db, now) => settleControl(db, name, value, now));
  }

  reclaimLeases(isDead: (leaseOwner: string) => boolean): Promise<number> {
    const reclaimed = new Map<string, number>();
    return this.#run('reclaimLeases', (db) => reclaimSubfolderLeases(db, isDead, reclaimed));
  }

  close(): Promise<void> {
    return this.#options.close();
  }

  #run<T>(op: string, work: (db: Kysely<StateTables>, now: number, isRepeated: boolean) => Promise<T>): Promise<T> {
    const { db, now, attempt } = this.#options;
    return attempt(op, async (isRepeated) => work(db, await now(), isRepeated));
  }
}
