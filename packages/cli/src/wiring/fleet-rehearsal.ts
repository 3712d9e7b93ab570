import { loadSettings } from '@object-transfer/core/config/load-settings';
import { RUN } from '@object-transfer/core/config/modules';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { MigrationProgress } from '@object-transfer/run/migration-progress';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import type { CloudDescription } from '../output/describe-cloud.ts';
import type { Environment } from './environment.ts';
import { migrateByFleet } from './fleet-migration.ts';
import { openBothSides, verificationOf } from './migration.ts';
import { ModuleProcess } from './module-process.ts';
import { openBackends, tieState } from './open-backends.ts';
import { openServices } from './services.ts';
import { readEntities } from './settings-sources.ts';

export interface FleetRehearsal {
  readonly fleet: NonNullable<CloudDescription['fleet']>;
  /** Points at the local cloud. */
  readonly environment: Environment;
  readonly publishers: number;
  readonly workers: number;
  readonly logger: Logger;
  readonly onProgress: (progress: MigrationProgress) => void;
}

/** What the processes of a rehearsal say beside what this one tells. */
const QUIET = ['--log-level', 'warn'];

/**
 * Prepares the tables, topics and subscriptions of a local cloud's fleet, and migrates its bucket by processes of a fleet.
 * @throws as `migrateByFleet`
 */
export async function rehearseFleet(rehearsal: FleetRehearsal, signal: AbortSignal): Promise<MigrationReport> {
  const { fleet, environment, logger } = rehearsal;
  const { projectId, credentialsSecret, table, topic } = fleet.names;
  const { dump, publisherObjects, workerCdnTransfer } = fleet.configKeys;
  const { variables } = environment;
  const configured = (command: readonly string[], ...configKeys: readonly string[]): readonly string[] => [
    ...command,
    '--gcp-project',
    projectId,
    ...configKeys.flatMap((configKey) => ['--config-key', configKey]),
    ...QUIET,
  ];
  const prepare = configured(['prepare', '--topics'], publisherObjects, workerCdnTransfer);
  await new ModuleProcess({ args: prepare, variables }).ended;
  signal.throwIfAborted();

  await using cleanup = new AsyncDisposableStack();
  const opening = { logger, signal, cleanup };
  const entities = await readEntities([publisherObjects, workerCdnTransfer], projectId, { environment, stop: signal });
  const { settings } = await loadSettings(RUN, 'fleet', entities);
  const identity = createProcessIdentity();
  const services = await openServices(
    { gcpProject: projectId, credentialsSecretId: credentialsSecret },
    environment,
    opening,
  );
  const sides = await openBothSides(settings, services, cleanup);
  const state = { ...settings, mysqlTable: table, credentialsSecretId: credentialsSecret };
  const queue = { projectId, topics: [topic], subscription: undefined, deadLetterTopic: undefined };
  const backends = await openBackends(
    state,
    { ...queue, leaseMs: settings.leaseMs },
    { ...opening, services, identity, dryRun: false },
  );
  await tieState(backends.stateStore, state, false);
  return await migrateByFleet(
    {
      verification: verificationOf(settings, sides, { ...backends, objectTopic: topic, identity }),
      identity,
      logger,
      onProgress: rehearsal.onProgress,
      commands: {
        dump: configured(['dump'], dump),
        publisher: configured(['publisher', 'objects'], publisherObjects),
        worker: configured(['worker', 'cdnTransfer'], workerCdnTransfer),
      },
      publishers: rehearsal.publishers,
      workers: rehearsal.workers,
      variables,
    },
    signal,
  );
}
