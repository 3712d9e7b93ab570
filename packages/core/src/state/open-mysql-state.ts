import { Kysely } from 'kysely';
import { ConfigurationError } from '../domain/errors.ts';
import type { StateStore } from '../ports/state-store.ts';
import { DatabaseClock } from './database-clock.ts';
import { KyselyStateStore } from './kysely-state-store.ts';
import { migrateMysql, type PreparedState, requireMigrated } from './migrate-mysql.ts';
import { type MysqlConnection, MysqlConnections, type MysqlSession } from './mysql-connections.ts';
import { MysqlStateDialect } from './mysql-dialect.ts';
import { MAX_DIR_KEY_CHARACTERS } from './mysql-reference-table.ts';
import { MysqlRetry } from './mysql-retry.ts';
import { inspectMysqlServer, type MysqlServer } from './mysql-server.ts';
import type { QueryOverrides } from './query-overrides.ts';
import { StateNamesPlugin, type StateTableNames, stateTableNames, type StateTables } from './state-tables.ts';

export type { MysqlConnection } from './mysql-connections.ts';
export type { PreparedState } from './migrate-mysql.ts';

export interface MysqlStateOptions {
  readonly connection: MysqlConnection;
  /** Name of the state table and beginning of its side tables' names; `database.table` names another database, too. */
  readonly table: string;
  /** The operator's statements in place of the built-in ones. */
  readonly overrides?: QueryOverrides | undefined;
  /** Connections of this process at most; default 4. They are made when they are needed, and one is kept. */
  readonly maxConnections?: number | undefined;
  /** How long to go on trying while the server is away or others are in the way; default 60,000. */
  readonly patienceMs?: number | undefined;
  /** How long a connection may take to be made; default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a statement may take; default 120,000. */
  readonly statementTimeoutMs?: number | undefined;
  /** The host's clock: milliseconds since 1970; default the clock of the machine. */
  readonly now?: (() => number) | undefined;
  /** The database's clock: milliseconds since 1970; default what the server says. */
  readonly databaseNow?: (() => Promise<number>) | undefined;
}

/** What AWS signatures and Google's tokens bear, and a little less. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000;

/**
 * Opens the state of a fleet. Its tables must have been prepared by this program's version.
 * @throws ConfigurationError `CONFIG_INVALID` (name of the table, TLS), `CONFIG_ACCESS_DENIED`, `CONFIG_STATE_MISSING`,
 *   `CONFIG_STATE_INCOMPATIBLE`, `CONFIG_STATE_TOO_NEW`, `CONFIG_CLOCK_SKEW`; StateError `STATE_UNAVAILABLE`
 */
export async function openMysqlState(options: MysqlStateOptions): Promise<StateStore> {
  const hostNow = options.now ?? Date.now;
  const server = new MysqlAccess(options, options.statementTimeoutMs ?? 120_000);
  try {
    const clock = new DatabaseClock({ hostNow, databaseNow: options.databaseNow ?? (() => server.now()) });
    const { skipsLocked } = await server.use('openState', async (session) => {
      const inspected = await inspectMysqlServer(session);
      await requireMigrated(session, server.names);
      return inspected;
    });
    await server.retry.run('openState', async () => refuseSkew(hostNow(), await clock.measure()));
    return createStore(server, clock, skipsLocked, options.overrides);
  } catch (error) {
    await server.close();
    throw error;
  }
}

/**
 * Creates the tables, or upgrades those of the reference tool or of an earlier version in place, keeping their rows.
 * Several may do so at once; what was broken off is finished by the next.
 * @throws as {@link openMysqlState}, but for the clock
 */
export async function prepareMysqlState(options: MysqlStateOptions): Promise<PreparedState> {
  // Copying a large table takes as long as it takes.
  const server = new MysqlAccess(options, undefined);
  try {
    return await server.use('prepareState', async (session) => {
      await inspectMysqlServer(session);
      return migrateMysql(session, server.names);
    });
  } finally {
    await server.close();
  }
}

function createStore(
  server: MysqlAccess,
  clock: DatabaseClock,
  skipsLocked: MysqlServer['skipsLocked'],
  overrides: QueryOverrides | undefined,
): StateStore {
  return new KyselyStateStore({
    db: new Kysely<StateTables>({
      dialect: new MysqlStateDialect(server.connections),
      plugins: [new StateNamesPlugin(server.names)],
    }),
    now: () => clock.now(),
    attempt: (op, work) => server.retry.run(op, work),
    skipsLocked,
    // Left to itself, MariaDB may read all that is held in order to find what is free, and the reverse.
    claimHint: 'force index (to_publish)',
    maxDirKeyCharacters: MAX_DIR_KEY_CHARACTERS,
    overrides,
    close: () => server.close(),
  });
}

/** Connections to the server, and the patience to use them. */
class MysqlAccess {
  readonly names: StateTableNames;
  readonly connections: MysqlConnections;
  readonly retry: MysqlRetry;
  readonly #closing = new AbortController();

  constructor(options: MysqlStateOptions, statementTimeoutMs: number | undefined) {
    const [table = '', database = options.connection.database] = options.table.split('.').toReversed();
    this.names = stateTableNames(table);
    const connection = { ...options.connection, database };
    this.connections = new MysqlConnections({
      connection,
      maxConnections: options.maxConnections ?? 4,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      statementTimeoutMs,
    });
    this.retry = new MysqlRetry({
      server: `${connection.host}:${connection.port}/${database}`,
      patienceMs: options.patienceMs ?? 60_000,
      signal: this.#closing.signal,
    });
  }

  use<T>(op: string, work: (session: MysqlSession) => Promise<T>): Promise<T> {
    return this.retry.run(op, () => this.#useOnce(work));
  }

  /** The server's clock. Called within a retry. */
  now(): Promise<number> {
    return this.#useOnce(async (session) => {
      const { rows } = await session.query('SELECT UNIX_TIMESTAMP(NOW(6)) * 1000 AS now', []);
      return Number(rows[0]?.['now']);
    });
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.connections.close();
  }

  async #useOnce<T>(work: (session: MysqlSession) => Promise<T>): Promise<T> {
    const session = await this.connections.acquire();
    try {
      return await work(session);
    } finally {
      session.release();
    }
  }
}

function refuseSkew(hostMs: number, offsetMs: number): void {
  if (Math.abs(offsetMs) <= MAX_CLOCK_SKEW_MS) return;
  const [host, database] = [hostMs, hostMs + offsetMs].map((ms) => new Date(ms).toISOString());
  throw new ConfigurationError(
    'CONFIG_CLOCK_SKEW',
    `the clock of this host says ${host}, the database's ${database}: one of them is wrong, and AWS and Google refuse what is signed by a wrong one`,
    { op: 'openState' },
  );
}
