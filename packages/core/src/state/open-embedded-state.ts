import type { EmbeddedQueueControl, MessageQueue, QueuePurge } from '../ports/message-queue.ts';
import type { StateStore } from '../ports/state-store.ts';
import { createSqliteMessageQueue } from '../queue/sqlite-message-queue.ts';
import { openDatabaseFile } from './open-database-file.ts';
import { createSqliteStateStore } from './sqlite-state-store.ts';
import { DEFAULT_STATE_TABLE } from './state-tables.ts';

export interface EmbeddedStateOptions {
  /** The process, as `createProcessIdentity().id`: the leases of messages begin with it. */
  readonly owner: string;
  /** Name of the state table and beginning of its side tables' names; default `object_transfer_state`. */
  readonly table?: string | undefined;
  /** Deliveries of a message before it is dead-lettered; default 20, as preemptions use them up, too. */
  readonly maxDeliveryAttempts?: number | undefined;
  /** How long to wait for other processes that write; default 60,000. */
  readonly busyTimeoutMs?: number | undefined;
  /** Milliseconds since 1970; default the clock of the machine. */
  readonly now?: (() => number) | undefined;
}

export interface EmbeddedState {
  readonly stateStore: StateStore;
  readonly queue: MessageQueue & EmbeddedQueueControl & QueuePurge;
  /** Closes both. The file is closed when both are, by this or one by one. */
  close(): Promise<void>;
}

/**
 * Opens the state file of one machine, creating it where there is none: state store and queue on one connection.
 * @throws ConfigurationError `CONFIG_UNREADABLE`, `CONFIG_STATE_INCOMPATIBLE`, `CONFIG_STATE_TOO_NEW`, `CONFIG_INVALID`;
 *   StateError where the disk or another process is in the way
 */
export async function openEmbeddedState(file: string, options: EmbeddedStateOptions): Promise<EmbeddedState> {
  const now = options.now ?? Date.now;
  const database = await openDatabaseFile(file, { busyTimeoutMs: options.busyTimeoutMs });
  try {
    const stateStore = await createSqliteStateStore(database, { table: options.table ?? DEFAULT_STATE_TABLE, now });
    const queue = await createSqliteMessageQueue(database, {
      owner: options.owner,
      maxDeliveryAttempts: options.maxDeliveryAttempts ?? 20,
      now,
    });
    return {
      stateStore,
      queue,
      close: async () => {
        await queue.close();
        await stateStore.close();
      },
    };
  } catch (error) {
    database.connection.close();
    throw error;
  }
}
