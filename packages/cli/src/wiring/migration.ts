import { bindState, stateSubject } from '@object-transfer/core/runtime/bind-state';
import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { RUN } from '@object-transfer/core/config/modules';
import type { ObjectFilter } from '@object-transfer/core/domain/object-filter';
import type { MessagePublisher } from '@object-transfer/core/ports/message-queue';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import {
  createProcessIdentity,
  isLeaseOwnerGone,
  type ProcessIdentity,
} from '@object-transfer/core/runtime/process-identity';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { runDump } from '@object-transfer/dump/run-dump';
import { publishObjects } from '@object-transfer/publisher/publish-objects';
import type { MigrationProgress } from '@object-transfer/run/migration-progress';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { planMigration, type MigrationPlan } from '@object-transfer/run/plan-migration';
import { runMigration, type MigrationOptions, type WorkerGroup } from '@object-transfer/run/run-migration';
import { checkCdn } from './check-cdn.ts';
import { openCdnReader } from './cdn-reader.ts';
import { ERROR_TOPIC, OBJECT_TOPIC } from './embedded-topics.ts';
import { filterOf } from './object-filter.ts';
import { packingLimits, publisherOptions } from './object-publisher.ts';
import { openStateFile } from './open-state-file.ts';
import type { Services } from './services.ts';
import { openSourceBucket, type SourceBucket } from './source-bucket.ts';
import { checkBuckets, openDestination, openParts } from './destination.ts';
import { openTransferWorker } from './transfer-engine.ts';
import { startWorkerProcesses } from './worker-processes.ts';

const EMBEDDED_QUEUES = { subscription: OBJECT_TOPIC, errorTopic: ERROR_TOPIC };

export type RunSettings = ModuleSettings<typeof RUN>;

export interface MigrationWiring {
  readonly settings: RunSettings;
  /** The settings as they were given, for worker processes. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly services: Services;
  readonly logger: Logger;
  readonly onProgress: (progress: MigrationProgress) => void;
}

/** What `run --dry-run` says. Opens no state: a plan depends on both buckets alone. */
export async function plan(
  settings: RunSettings,
  services: Services,
  logger: Logger,
  signal: AbortSignal,
): Promise<MigrationPlan> {
  await using cleanup = new AsyncDisposableStack();
  const { source, destination, cdn, filter } = await openBothSides(settings, services, cleanup);
  await checkCdn({ cdn, lister: source.lister, s3RootPrefix: settings.s3RootPrefix, filter, logger }, signal);
  return await planMigration(
    {
      mapping: settings,
      lister: source.lister,
      destination,
      filter,
      namePolicy: settings.forbiddenNames,
      overwrite: settings.overwrite,
    },
    signal,
  );
}

/** Opens everything that `run` needs, migrates, and closes it again. */
export async function migrate(wiring: MigrationWiring, signal: AbortSignal): Promise<MigrationReport> {
  const { settings, services, logger } = wiring;
  const identity = createProcessIdentity();
  await using cleanup = new AsyncDisposableStack();
  const { source, destination, cdn, filter } = await openBothSides(settings, services, cleanup);
  // Keys that cannot be read and buckets that do not exist leave no state behind.
  await source.check(settings.s3RootPrefix, signal);
  const parts = openParts(settings, destination, services.environment);
  cleanup.defer(() => parts.close());
  await checkBuckets(destination, parts, signal);
  const state = await openStateFile(settings.state, identity, false, cleanup);
  // A migration that has begun has found out about the CDN.
  if ((await state.stateStore.listSubfolders(undefined, 1)).length === 0) {
    await checkCdn({ cdn, lister: source.lister, s3RootPrefix: settings.s3RootPrefix, filter, logger }, signal);
  }
  // What cannot work ties the state to nothing.
  await bindState(state.stateStore, stateSubject(settings), settings.state);
  return await runMigration(
    {
      verification: verificationOf(
        settings,
        { source, destination, filter },
        { ...state, objectTopic: OBJECT_TOPIC, identity },
      ),
      parts,
      queue: state.queue,
      identity,
      logger,
      maxRepairs: settings.maxRsyncAttempts,
      onProgress: wiring.onProgress,
      steps: {
        dump: async (stepSignal) => {
          const { s3Bucket, s3RootPrefix } = settings;
          const from = { lister: source.lister };
          const store = state.stateStore;
          const dumped = await runDump({ store, from, s3Bucket, s3RootPrefix, dryRun: false, signal: stepSignal });
          return dumped.new;
        },
        publish: (request) =>
          publishObjects({
            ...publisherOptions(settings, source.lister, state, identity, OBJECT_TOPIC),
            ...request,
          }),
        startWorkers: (runId) => startWorkers(wiring, state, runId),
      },
    },
    signal,
  );
}

interface BothSides {
  readonly source: SourceBucket;
  readonly destination: ObjectDestination;
  readonly filter: ObjectFilter;
}

/** What the comparison of both sides needs. */
export function verificationOf(
  settings: RunSettings,
  { source, destination, filter }: BothSides,
  by: {
    readonly stateStore: StateStore;
    readonly queue: MessagePublisher;
    readonly objectTopic: string;
    readonly identity: ProcessIdentity;
  },
): MigrationOptions['verification'] {
  return {
    mapping: settings,
    lister: source.lister,
    destination,
    filter,
    namePolicy: settings.forbiddenNames,
    stateStore: by.stateStore,
    owner: by.identity.id,
    leaseMs: settings.leaseMs,
    publisher: by.queue,
    objectTopic: by.objectTopic,
    packing: packingLimits(settings),
    overwrite: settings.overwrite,
  };
}

/** What a plan and a migration look at. @param cleanup closes all of it */
export async function openBothSides(settings: RunSettings, services: Services, cleanup: AsyncDisposableStack) {
  const { environment } = services;
  const source = openSourceBucket(settings, environment);
  cleanup.defer(() => source.close());
  const destination = openDestination(settings, environment);
  cleanup.defer(() => destination.close());
  const cdn = await openCdnReader(settings, source.connection.endpoint, services);
  cleanup.defer(() => cdn.close());
  return { source, destination, cdn, filter: filterOf(settings) };
}

async function startWorkers(wiring: MigrationWiring, state: EmbeddedState, runId: string): Promise<WorkerGroup> {
  const { settings, services, logger } = wiring;
  if (settings.processes > 1) {
    return startWorkerProcesses({
      count: settings.processes,
      assignment: { mode: 'cdnTransfer', reporting: { runId }, deployment: 'embedded', settings: wiring.given },
      variables: services.environment.variables,
      logger,
      onCrash: async () => {
        await state.queue.reclaimLeases(isLeaseOwnerGone);
      },
    });
  }
  // Each start is a worker of its own, with its own counters.
  const identity = createProcessIdentity();
  const worker = await openTransferWorker({
    settings,
    queues: EMBEDDED_QUEUES,
    services,
    backends: state,
    identity,
    logger,
  });
  const stop = new AbortController();
  const work = async () => {
    try {
      await worker.run(stop.signal, { runId });
    } finally {
      await worker.close();
    }
  };
  const ended = work();
  return {
    ended,
    stop: async () => {
      stop.abort();
      await ended.catch(() => undefined);
    },
  };
}
