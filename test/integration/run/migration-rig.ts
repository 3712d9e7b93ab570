import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { OverwritePolicy } from '@object-transfer/core/config/destination-fields';
import type { PackingLimits } from '@object-transfer/core/domain/message-packer';
import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { runDump } from '@object-transfer/dump/run-dump';
import { publishObjects } from '@object-transfer/publisher/publish-objects';
import type { MigrationPhase } from '@object-transfer/run/migration-progress';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { runMigration, type WorkerGroup } from '@object-transfer/run/run-migration';
import { runCdnTransfer } from '@object-transfer/worker/cdn-transfer/run-cdn-transfer';
import { TransferCounters } from '@object-transfer/worker/cdn-transfer/transfer-counters';
import { Clouds, never } from '../../fixtures/clouds.ts';

interface RunSettings {
  readonly overwrite?: OverwritePolicy;
  readonly packing?: PackingLimits;
  readonly leaseMs?: number;
  readonly maxWaitingMessages?: number;
  /** Called when a phase begins, before anything is done in it. */
  readonly onPhase?: (phase: MigrationPhase) => void;
}

interface LogLine {
  readonly message: string;
  readonly [field: string]: unknown;
}

const OBJECT_TOPIC = 'objects';
const MAPPING = { s3RootPrefix: '', gcsRootPrefix: '' };
const FILTER = createObjectFilter({ storageClasses: [], include: [], exclude: [] }, '');

/** `run` in this process: its modules wired over a state file and clouds of their own, with quick retries. */
export class MigrationRig {
  readonly clouds: Clouds;
  /** Of the last run. */
  readonly phases: MigrationPhase[] = [];
  readonly log: LogLine[] = [];
  readonly #directory: string;
  readonly #logger = pino({ messageKey: 'message' }, { write: (line) => this.log.push(JSON.parse(line) as LogLine) });

  private constructor(clouds: Clouds, directory: string) {
    this.clouds = clouds;
    this.#directory = directory;
  }

  static async start(): Promise<MigrationRig> {
    return new MigrationRig(await Clouds.start(), await mkdtemp(join(tmpdir(), 'migration-')));
  }

  /** Rounds of transferring and checking that the last run took. */
  get rounds(): number {
    return this.phases.filter((phase) => phase === 'checking').length;
  }

  /** The state file as another process has it; to be closed by the caller. */
  openState(owner = 'otherhost:1:deadbeef-0001'): Promise<EmbeddedState> {
    return openEmbeddedState(join(this.#directory, 'state.sqlite'), { owner });
  }

  /** Adds the subfolders of the source to the state, as a run before this one did. */
  dump(state: EmbeddedState, signal: AbortSignal): Promise<number> {
    const from = { lister: this.clouds.lister };
    const options = { store: state.stateStore, from, s3Bucket: 'source', s3RootPrefix: '', dryRun: false, signal };
    return runDump(options).then((dumped) => dumped.new);
  }

  async migrate(settings: RunSettings = {}): Promise<MigrationReport> {
    const { overwrite = 'if-different', packing = { maxObjects: 50, maxBytes: 2 ** 30 }, leaseMs = 60_000 } = settings;
    const identity = createProcessIdentity();
    const state = await this.openState(identity.id);
    const { stateStore, queue } = state;
    this.phases.length = 0;
    try {
      return await runMigration(
        {
          parts: this.clouds.transferContext().parts,
          verification: {
            mapping: MAPPING,
            lister: this.clouds.lister,
            destination: this.clouds.transferContext().destination,
            filter: FILTER,
            namePolicy: 'fail',
            stateStore,
            owner: identity.id,
            leaseMs,
            publisher: queue,
            objectTopic: OBJECT_TOPIC,
            packing,
            overwrite,
          },
          queue,
          identity,
          logger: this.#logger,
          maxWaitingMessages: settings.maxWaitingMessages,
          maxRepairs: 2,
          onProgress: ({ phase }) => {
            if (phase === this.phases.at(-1)) return;
            this.phases.push(phase);
            settings.onPhase?.(phase);
          },
          steps: {
            dump: (signal) => this.dump(state, signal),
            publish: (request) =>
              publishObjects({
                store: stateStore,
                selection: { lister: this.clouds.lister, s3RootPrefix: '', filter: FILTER, packing },
                publisher: queue,
                topic: OBJECT_TOPIC,
                maxMessagesPerBatch: 10,
                owner: identity.id,
                leaseMs,
                until: 'drained',
                ...request,
              }),
            startWorkers: (runId) => Promise.resolve(this.#startWorker(state, runId, overwrite)),
          },
        },
        never,
      );
    } finally {
      await state.close();
    }
  }

  #startWorker(state: EmbeddedState, runId: string, overwrite: OverwritePolicy): WorkerGroup {
    const stop = new AbortController();
    const ended = runCdnTransfer({
      transfer: this.clouds.transferContext({ overwrite }),
      stateStore: state.stateStore,
      publisher: state.queue,
      errorTopic: 'object-errors',
      counters: new TransferCounters(),
      logger: this.#logger,
      maxDeliveries: 1,
      subscription: state.queue.subscribe(OBJECT_TOPIC),
      identity: createProcessIdentity(),
      runId,
      maxMessagesPerPull: 10,
      leaseMs: 60_000,
      stop: stop.signal,
    });
    return {
      ended,
      stop: async () => {
        stop.abort();
        await ended.catch(() => undefined);
      },
    };
  }

  async close(): Promise<void> {
    await this.clouds.close();
    await rm(this.#directory, { recursive: true });
  }
}
