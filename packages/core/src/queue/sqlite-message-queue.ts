import type {
  EmbeddedQueueControl,
  MessageQueue,
  MessageSubscription,
  OutgoingMessage,
  QueuePurge,
  SubscriptionBacklog,
} from '../ports/message-queue.ts';
import type { EmbeddedDatabase } from '../state/embedded-database.ts';
import { migrateSqlite } from '../state/migrate-sqlite.ts';
import { QueueStatements } from './queue-statements.ts';
import { QUEUE_LEDGER, SQLITE_QUEUE_MIGRATIONS } from './sqlite-queue-migrations.ts';
import type { SettlingContext } from './sqlite-received-message.ts';
import { SqliteSubscription } from './sqlite-subscription.ts';
import { WakeUp } from './wake-up.ts';

export interface SqliteMessageQueueOptions {
  /** The process: `host:pid:unique`. */
  readonly owner: string;
  /** A message delivered so often, and never acked, is dead-lettered instead of being delivered again. */
  readonly maxDeliveryAttempts: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Messages that one transaction deletes: about 50 ms of the write lock. */
const PURGE_CHUNK = 10_000;

/**
 * The embedded queue, whose tables it creates in a state file or brings up to date. Any number of processes share it.
 *
 * A message is fresh, then leased; an ack deletes it, a nack or the end of the lease makes it deliverable again, a
 * deadLetter moves it to another table. Leases are fenced by their owner, which is new for each pull.
 * @throws ConfigurationError `CONFIG_STATE_TOO_NEW`; StateError
 */
export async function createSqliteMessageQueue(
  database: EmbeddedDatabase,
  options: SqliteMessageQueueOptions,
): Promise<SqliteMessageQueue> {
  await migrateSqlite(database, QUEUE_LEDGER, SQLITE_QUEUE_MIGRATIONS);
  return new SqliteMessageQueue(database, options);
}

export class SqliteMessageQueue implements MessageQueue, EmbeddedQueueControl, QueuePurge {
  readonly #context: SettlingContext;
  readonly #options: SqliteMessageQueueOptions;
  readonly #subscriptions: MessageSubscription[] = [];
  readonly #endUse: () => Promise<void>;

  constructor(database: EmbeddedDatabase, options: SqliteMessageQueueOptions) {
    this.#options = options;
    this.#context = {
      database,
      statements: new QueueStatements(database),
      wakeUp: new WakeUp(),
      now: options.now,
    };
    this.#endUse = database.share();
  }

  async publish(topic: string, messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const { database, statements, now, wakeUp } = this.#context;
    const encoded = messages.map(({ data, attributes }) => ({ data, attributes: JSON.stringify(attributes ?? {}) }));
    await database.write('publish', () => {
      for (const message of encoded) statements.insert(topic, message, now());
    });
    wakeUp.notify();
  }

  subscribe(subscription: string): MessageSubscription {
    const { owner, maxDeliveryAttempts } = this.#options;
    const opened = new SqliteSubscription(this.#context, { name: subscription, owner, maxDeliveryAttempts });
    this.#subscriptions.push(opened);
    return opened;
  }

  backlog(subscription: string): Promise<SubscriptionBacklog> {
    const { database, statements, now } = this.#context;
    return database.read('backlog', () => {
      const { messages, deadLetters } = statements.counts(subscription);
      const leased = statements.countLeased(subscription, now());
      return { waiting: messages - leased, leased, deadLettered: deadLetters };
    });
  }

  async reclaimLeases(isDead: (leaseOwner: string) => boolean): Promise<number> {
    const { database, statements, now, wakeUp } = this.#context;
    const reclaimed = await database.write('reclaimLeases', () => {
      let count = 0;
      for (const owner of statements.leaseOwners()) if (isDead(owner)) count += statements.reclaim(owner, now());
      return count;
    });
    wakeUp.notify();
    return reclaimed;
  }

  /** In chunks, between which others get to write. */
  async purge(subscription: string): Promise<number> {
    const { database, statements } = this.#context;
    for (let purged = 0; ;) {
      const deleted = await database.write('purge', () => statements.deleteSome(subscription, PURGE_CHUNK));
      purged += deleted;
      if (deleted < PURGE_CHUNK) return purged;
    }
  }

  /** Ends the waiting pulls; what is being written is written first. */
  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) await subscription.close();
    await this.#endUse();
  }
}
