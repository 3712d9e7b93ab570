import { errorFields } from '@object-transfer/core/domain/classify-error';
import type { EmbeddedQueueControl, MessageQueue } from '@object-transfer/core/ports/message-queue';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { bindState, stateSubject } from '@object-transfer/core/runtime/bind-state';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import type { QueryOverrides } from '@object-transfer/core/state/query-overrides';
import { openStateFile } from './open-state-file.ts';
import { openPubsub, type PubsubUse } from './pubsub.ts';
import { withMysqlLogin } from './mysql-login.ts';
import type { OpenOptions } from './open-options.ts';

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

export interface Backends {
  readonly stateStore: StateStore;
  readonly queue: MessageQueue;
  /** `undefined` for a managed queue. */
  readonly queueControl: EmbeddedQueueControl | undefined;
}

/**
 * Opens state and queue, chosen one by one: MySQL where the settings name its table, Pub/Sub where it is asked for, and the
 * state file for what is left.
 * @throws ConfigurationError where one of them is missing or refuses; StateError, ServiceError where one cannot be
 *   reached; the reason of the signal
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
  return { stateStore, queue, queueControl: pubsub === undefined ? file?.queue : undefined };
}

/** As {@link openBackends}, for commands that need no queue; the state is tied as by {@link tieState}. */
export async function openStateOnly(settings: StateSettings, options: OpenOptions): Promise<StateStore> {
  const file = settings.mysqlTable === undefined ? await openFile(settings, options) : undefined;
  const stateStore = await openStateStore(settings, file, options);
  await tieState(stateStore, settings, options.dryRun);
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

/**
 * Ties the state to the buckets that the settings name, and holds it to them from then on. It comes last before the work:
 * what cannot work ties the state to nothing. The reference's dump knows no bucket: whoever comes next ties the state.
 * @throws ConfigurationError `CONFIG_STATE_INCOMPATIBLE` where it belongs to others
 */
export async function tieState(
  stateStore: Pick<StateStore, 'settleControl'>,
  settings: StateSettings,
  dryRun: boolean,
): Promise<void> {
  if (dryRun) return;
  const { mysqlTable } = settings;
  const name = mysqlTable === undefined ? settings.state : `MySQL table ${mysqlTable}`;
  await bindState(stateStore, stateSubject(settings), name);
}

/** The first tries are a moment apart, and others in the way are gone by then. */
const TOLD_ATTEMPT = 4;

async function openMysql(table: string, settings: StateSettings, options: OpenOptions): Promise<StateStore> {
  const { logger, signal } = options;
  // Not before it is needed: on one machine nobody needs it.
  const { openMysqlState } = await import('@object-transfer/core/state/open-mysql-state');
  const stateStore = await withMysqlLogin(options.services.credentials, settings.credentialsSecretId, (connection) =>
    openMysqlState({
      connection,
      table,
      overrides: settings.overrides,
      signal,
      onRetry: (error, attempt) => {
        if (attempt === TOLD_ATTEMPT) logger.warn(errorFields(error), 'MySQL cannot be used now; trying again');
      },
    }),
  );
  options.cleanup.defer(() => stateStore.close());
  return stateStore;
}
