import { errorFields } from '@object-transfer/core/domain/classify-error';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import type { Logger } from '@object-transfer/core/runtime/logger';

export type MigrationPhase = 'listing' | 'transferring' | 'checking';

/** What all workers of a run have done, from their heartbeats. */
export interface WorkerTotals {
  readonly objectsTransferred: number;
  readonly objectsSkipped: number;
  readonly objectsFailed: number;
  readonly bytesTransferred: number;
}

/** How far a migration is; figures are cumulative since this run began. */
export interface MigrationProgress extends WorkerTotals {
  readonly phase: MigrationPhase;
  readonly subfolders: number;
  readonly subfoldersChecked: number;
  /** Put on the queue so far, and whether that is all. */
  readonly objectsPublished: number;
  readonly bytesPublished: number;
  readonly publishingDone: boolean;
  readonly elapsedMs: number;
}

const PROGRESS_MS = 1_000;

/** Gathers the figures of a running migration and tells them about once a second. */
export class MigrationTracker {
  subfolders = 0;
  subfoldersChecked = 0;
  publishingDone = false;
  readonly #stateStore: StateStore;
  readonly #runId: string;
  readonly #onProgress: (progress: MigrationProgress) => void;
  readonly #logger: Logger;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #phase: MigrationPhase = 'listing';
  #objectsPublished = 0;
  #bytesPublished = 0;
  #telling = false;

  constructor(
    stateStore: StateStore,
    runId: string,
    onProgress: (progress: MigrationProgress) => void,
    logger: Logger,
  ) {
    this.#stateStore = stateStore;
    this.#logger = logger;
    this.#runId = runId;
    this.#onProgress = onProgress;
    this.#timer = setInterval(() => void this.#tellQuietly(), PROGRESS_MS);
  }

  async enter(phase: MigrationPhase): Promise<void> {
    this.#phase = phase;
    if (phase === 'checking') this.subfoldersChecked = 0;
    await this.#tell();
  }

  addPublished(objects: number, bytes: number): void {
    this.#objectsPublished += objects;
    this.#bytesPublished += bytes;
  }

  async workerTotals(): Promise<WorkerTotals> {
    const workers = await this.#stateStore.listWorkers(this.#runId);
    const sum = (name: keyof WorkerTotals) =>
      workers.reduce((total, worker) => total + (worker.counters[name] ?? 0), 0);
    return {
      objectsTransferred: sum('objectsTransferred'),
      objectsSkipped: sum('objectsSkipped'),
      objectsFailed: sum('objectsFailed'),
      bytesTransferred: sum('bytesTransferred'),
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** A progress line that could not be made is no reason to end a migration; what ails the state store ends it elsewhere. */
  async #tellQuietly(): Promise<void> {
    if (this.#telling) return;
    this.#telling = true;
    try {
      await this.#tell();
    } catch (error) {
      this.#logger.warn(errorFields(error), 'the progress could not be read');
    } finally {
      this.#telling = false;
    }
  }

  async #tell(): Promise<void> {
    this.#onProgress({
      phase: this.#phase,
      subfolders: this.subfolders,
      subfoldersChecked: this.subfoldersChecked,
      objectsPublished: this.#objectsPublished,
      bytesPublished: this.#bytesPublished,
      publishingDone: this.publishingDone,
      ...(await this.workerTotals()),
      elapsedMs: Math.round(performance.now() - this.#startedAt),
    });
  }
}
