import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { RUN } from '@object-transfer/core/config/modules';
import { bindState, stateSubject } from '@object-transfer/core/runtime/bind-state';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { runDump } from '@object-transfer/dump/run-dump';
import { publishObjects } from '@object-transfer/publisher/publish-objects';
import type { MigrationProgress } from '@object-transfer/run/migration-progress';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { runMigration, type WorkerGroup } from '@object-transfer/run/run-migration';
import { OBJECT_TOPIC } from './embedded-topics.ts';
import type { Environment } from './environment.ts';
import { filterOf } from './object-filter.ts';
import { publisherOptions } from './object-publisher.ts';
import { openSourceBucket } from './source-bucket.ts';
import { openDestination, openTransferWorker } from './transfer-engine.ts';
import { startWorkerProcesses } from './worker-processes.ts';

export type RunSettings = ModuleSettings<typeof RUN>;

export interface MigrationWiring {
  readonly settings: RunSettings;
  /** The settings as they were given, for worker processes. */
  readonly given: Readonly<Record<string, unknown>>;
  readonly environment: Environment;
  readonly logger: Logger;
  readonly onProgress: (progress: MigrationProgress) => void;
}

/** Opens everything that `run` needs, migrates, and closes it again. */
export async function migrate(wiring: MigrationWiring, signal: AbortSignal): Promise<MigrationReport> {
  const { settings, environment, logger } = wiring;
  const identity = createProcessIdentity();
  await using cleanup = new AsyncDisposableStack();
  const state = await openEmbeddedState(settings.state, { owner: identity.id });
  cleanup.defer(() => state.close());
  await bindState(state.stateStore, stateSubject(settings), settings.state);
  const source = openSourceBucket(settings, environment);
  cleanup.defer(() => source.close());
  const destination = openDestination(settings, environment);
  cleanup.defer(() => destination.close());
  const filter = filterOf(settings);
  const { stateStore, queue } = state;
  return await runMigration(
    {
      verification: {
        mapping: settings,
        lister: source.lister,
        destination,
        filter,
        namePolicy: settings.forbiddenNames,
        stateStore,
        owner: identity.id,
        leaseMs: settings.leaseMs,
        publisher: queue,
        objectTopic: OBJECT_TOPIC,
        objectsPerMessage: settings.numSingleMessage,
      },
      queue,
      identity,
      logger,
      onProgress: wiring.onProgress,
      steps: {
        dump: async (stepSignal) => {
          const { s3Bucket, s3RootPrefix } = settings;
          const from = { lister: source.lister };
          await runDump({ store: stateStore, from, s3Bucket, s3RootPrefix, dryRun: false, signal: stepSignal });
        },
        publish: (request) =>
          publishObjects({
            ...publisherOptions(settings, source.lister, state, identity),
            ...request,
          }),
        startWorkers: (runId) => startWorkers(wiring, state, runId),
      },
    },
    signal,
  );
}

async function startWorkers(wiring: MigrationWiring, state: EmbeddedState, runId: string): Promise<WorkerGroup> {
  const { settings, environment, logger } = wiring;
  if (settings.processes > 1) {
    return startWorkerProcesses({
      count: settings.processes,
      assignment: { runId, settings: wiring.given },
      variables: environment.variables,
      logger,
    });
  }
  // Each start is a worker of its own, with its own counters.
  const identity = createProcessIdentity();
  const worker = await openTransferWorker({ settings, environment, state, identity, runId, logger });
  const stop = new AbortController();
  const work = async () => {
    try {
      await worker.run(stop.signal);
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
