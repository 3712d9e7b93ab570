import type { SqliteMigration } from '../state/migrate-sqlite.ts';

export const QUEUE_LEDGER = 'queue_migrations';

/**
 * `available_at` (milliseconds since 1970) is 0 for a message that was never delivered; later on it is when the lease runs
 * out or the delay ends. One index thus finds both what comes back and what is next, at any size of the backlog.
 *
 * The number of messages is kept by triggers: counting a backlog of 10^6 through an index takes tens of milliseconds, and
 * progress reports ask every second. Triggers also see what is deleted by hand.
 */
export const SQLITE_QUEUE_MIGRATIONS: readonly SqliteMigration[] = [
  {
    name: 'messages, dead letters, counts',
    sql: `
      CREATE TABLE queue_messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        subscription TEXT NOT NULL,
        available_at INTEGER NOT NULL DEFAULT 0,
        delivery_attempt INTEGER NOT NULL DEFAULT 0,
        lease_owner TEXT,
        published_at INTEGER NOT NULL,
        attributes TEXT NOT NULL,
        data TEXT NOT NULL
      );

      CREATE INDEX queue_messages_deliverable ON queue_messages (subscription, available_at);

      CREATE INDEX queue_messages_leased ON queue_messages (subscription, available_at, lease_owner)
        WHERE lease_owner IS NOT NULL;

      CREATE TABLE queue_dead_letters (
        id INTEGER PRIMARY KEY,
        subscription TEXT NOT NULL,
        delivery_attempt INTEGER NOT NULL,
        published_at INTEGER NOT NULL,
        dead_lettered_at INTEGER NOT NULL,
        reason TEXT NOT NULL,
        attributes TEXT NOT NULL,
        data TEXT NOT NULL
      );

      CREATE INDEX queue_dead_letters_by_subscription ON queue_dead_letters (subscription, id);

      CREATE TABLE queue_counts (
        subscription TEXT NOT NULL PRIMARY KEY,
        messages INTEGER NOT NULL DEFAULT 0,
        dead_letters INTEGER NOT NULL DEFAULT 0
      ) WITHOUT ROWID;

      CREATE TRIGGER queue_messages_added AFTER INSERT ON queue_messages BEGIN
        INSERT INTO queue_counts (subscription, messages) VALUES (new.subscription, 1)
          ON CONFLICT DO UPDATE SET messages = messages + 1;
      END;

      CREATE TRIGGER queue_messages_removed AFTER DELETE ON queue_messages BEGIN
        UPDATE queue_counts SET messages = messages - 1 WHERE subscription = old.subscription;
      END;

      CREATE TRIGGER queue_dead_letters_added AFTER INSERT ON queue_dead_letters BEGIN
        INSERT INTO queue_counts (subscription, dead_letters) VALUES (new.subscription, 1)
          ON CONFLICT DO UPDATE SET dead_letters = dead_letters + 1;
      END;

      CREATE TRIGGER queue_dead_letters_removed AFTER DELETE ON queue_dead_letters BEGIN
        UPDATE queue_counts SET dead_letters = dead_letters - 1 WHERE subscription = old.subscription;
      END;
    `,
  },
];
