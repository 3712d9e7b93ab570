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
import { addSubfolders, countNewSubfolders } from './add-subfolders.ts';
import { finishSyncCheck, releaseSyncCheck, startSyncCheck } from './check-subfolder.ts';
import { claimSubfolders, countHeldUnpublished } from './claim-subfolders.ts';
import { confirmPublished, extendSubfolderLease, releaseSubfolder } from './hold-subfolder.ts';
import { listOpenObjectErrors, recordObjectErrors, resolveObjectErrors } from './object-errors.ts';
import { countSubfolders, getSubfolder, listSubfolders } from './read-subfolders.ts';
import { reclaimSubfolderLeases } from './reclaim-subfolder-leases.ts';
import { beginRun, endRun, heartbeatRun } from './register-runs.ts';
import { listWorkers, reportWorker } from './report-workers.ts';
import { settleControl } from './settle-control.ts';
import type { StateTables } from './state-tables.ts';

export interface KyselyStateStoreOptions {
  readonly db: Kysely<StateTables>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Turns an error of the database's driver into a StateError, and leaves others as they are. */
  readonly translateError: (error: unknown, op: string) => unknown;
  readonly close: () => Promise<void>;
}

/** The state store over any SQL database that kysely speaks to; the statements are in the files beside this one. */
export class KyselyStateStore implements StateStore {
  readonly #options: KyselyStateStoreOptions;

  constructor(options: KyselyStateStoreOptions) {
    this.#options = options;
  }

  addSubfolders(dirKeys: readonly string[]): Promise<number> {
    return this.#run('addSubfolders', (db) => addSubfolders(db, dirKeys));
  }

  countNewSubfolders(dirKeys: readonly string[]): Promise<number> {
    return this.#run('countNewSubfolders', (db) => countNewSubfolders(db, dirKeys));
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
    return this.#run('claimSubfolders', (db, now) => claimSubfolders(db, request, now));
  }

  countHeldUnpublished(): Promise<number> {
    return this.#run('countHeldUnpublished', countHeldUnpublished);
  }

  extendSubfolderLease(lease: SubfolderLease, leaseMs: number): Promise<SubfolderLease | undefined> {
    return this.#run('extendSubfolderLease', (db, now) => extendSubfolderLease(db, lease, leaseMs, now));
  }

  releaseSubfolder(lease: SubfolderLease): Promise<boolean> {
    return this.#run('releaseSubfolder', (db, now) => releaseSubfolder(db, lease, now));
  }

  confirmPublished(lease: SubfolderLease, counts: PublishedCounts): Promise<boolean> {
    return this.#run('confirmPublished', (db, now) => confirmPublished(db, lease, counts, now));
  }

  startSyncCheck(dirKey: string, owner: string, leaseMs: number): Promise<SubfolderLease | undefined> {
    return this.#run('startSyncCheck', (db, now) => startSyncCheck(db, { dirKey, owner, leaseMs }, now));
  }

  finishSyncCheck(
    lease: SubfolderLease,
    result: { readonly figures: CheckFigures } | { readonly error: string },
  ): Promise<boolean> {
    return this.#run('finishSyncCheck', (db, now) => finishSyncCheck(db, lease, result, now));
  }

  releaseSyncCheck(lease: SubfolderLease): Promise<boolean> {
    return this.#run('releaseSyncCheck', (db, now) => releaseSyncCheck(db, lease, now));
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
    return this.#run('endRun', (db, now) => endRun(db, runId, { status, exitMessage }, now));
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
    return this.#run('reclaimLeases', (db) => reclaimSubfolderLeases(db, isDead));
  }

  close(): Promise<void> {
    return this.#options.close();
  }

  async #run<T>(op: string, work: (db: Kysely<StateTables>, now: number) => Promise<T>): Promise<T> {
    const { db, now, translateError } = this.#options;
    try {
      return await work(db, now());
    } catch (error) {
      throw translateError(error, op);
    }
  }
}
