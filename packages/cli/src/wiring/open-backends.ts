import type { EmbeddedQueueControl, MessageQueue } from '@object-transfer/core/ports/message-queue';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { bindState, stateSubject } from '@object-transfer/core/runtime/bind-state';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import type { QueryOverrides } from '@object-transfer/core/state/query-overrides';
import { openStateFile } from './open-state-file.ts';
import { openPubsub, type PubsubUse } from './pubsub.ts';
import { requireMysql, type Services } from './services.ts';

export interface StateSettings {
  readonly state: string;
  readonly mysqlTable: string | undefined;
  readonly credentialsSecretId: string | undefined;
  readonly s3Bucket: string | undefined;
  readonly s3RootPrefix: string;
  readonly gcsBucket?: string | undefined;
  readonly gcsRootPrefix?: string | undefined;
  /** The operator's own statements, for MySQL. */
  readonly overrides?: QueryOverrides | undefined;
}

export interface OpenOptions {
  readonly services: Services;
  readonly identity: ProcessIdentity;
  readonly logger: Logger;
  /** Leaves no state file behind where there was none, and writes nothing into a state. */
  readonly dryRun: boolean;
  /** Closes what was opened. */
  readonly cleanup: AsyncDisposableStack;
}

export interface Backends {
  readonly stateStore: StateStore;
  readonly queue: MessageQueue;
  /** `undefined` for a managed queue. */
  readonly queueControl: EmbeddedQueueControl | undefined;
}

/**
 * Opens state and queue, chosen one by one: MySQL where the settings name its table, Pub/Sub where it is asked for, and the
 * state file for what is left. The state is tied to the buckets that the settings name.
 * @throws ConfigurationError where one of them is missing, refuses, or belongs to something else; StateError, ServiceError
 *   where one cannot be reached
 */
export async function openBackends(
  settings: StateSettings,
  pubsub: PubsubUse | undefined,
  options: OpenOptions,
): Promise<Backends> {
  const file =
    settings.mysqlTable === undefined || pubsub === undefined ? await openFile(settings, options) : undefined;
  const stateStore = await openStateStore(settings, file, options);
  const queue = pubsub === undefined ? file?.queue : await openPubsub(pubsub, options);
  if (queue === undefined) throw new TypeError('the state file holds what no service does');
  // What cannot work ties the state to nothing.
  await tieState(stateStore, settings, options);
  return { stateStore, queue, queueControl: pubsub === undefined ? file?.queue : undefined };
}

/** As {@link openBackends}, for commands that need no queue. */
export async function openStateOnly(settings: StateSettings, options: OpenOptions): Promise<StateStore> {
  const file = settings.mysqlTable === undefined ? await openFile(settings, options) : undefined;
  const stateStore = await openStateStore(settings, file, options);
  await tieState(stateStore, settings, options);
  return stateStore;
}

function openFile(settings: StateSettings, options: OpenOptions): Promise<EmbeddedState> {
  return openStateFile(settings.state, options.identity, options.dryRun, options.cleanup);
}

async function openStateStore(
  settings: StateSettings,
  file: EmbeddedState | undefined,
  options: OpenOptions,
): Promise<StateStore> {
  const { mysqlTable } = settings;
  const stateStore = mysqlTable === undefined ? file?.stateStore : await openMysql(mysqlTable, settings, options);
  if (stateStore === undefined) throw new TypeError('the state file holds what no service does');
  return stateStore;
}

/** The reference's dump knows no bucket: whoever comes next ties the state to one. */
async function tieState(stateStore: StateStore, settings: StateSettings, options: OpenOptions): Promise<void> {
  const { s3Bucket, mysqlTable } = settings;
  if (options.dryRun || s3Bucket === undefined) return;
  const name = mysqlTable === undefined ? settings.state : `MySQL table ${mysqlTable}`;
  await bindState(stateStore, stateSubject({ ...settings, s3Bucket }), name);
}

async function openMysql(table: string, settings: StateSettings, options: OpenOptions): Promise<StateStore> {
  // Not before it is needed: on one machine nobody needs it.
  const { openMysqlState } = await import('@object-transfer/core/state/open-mysql-state');
  const stateStore = await openMysqlState({
    connection: requireMysql(options.services.credentials, settings.credentialsSecretId),
    table,
    overrides: settings.overrides,
  });
  options.cleanup.defer(() => stateStore.close());
  return stateStore;
}
