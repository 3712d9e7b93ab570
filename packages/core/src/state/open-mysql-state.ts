import { Kysely } from 'kysely';
import { ConfigurationError, StateError } from '../domain/errors.ts';
import type { StateStore } from '../ports/state-store.ts';
import { unlessAborted } from '../runtime/unless-aborted.ts';
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
  /** The same while it opens, when most likely nobody has started the server, or its address is wrong; default 30,000. */
  readonly openingPatienceMs?: number | undefined;
  /** Ends the opening or preparing, with its reason; what has been opened is not concerned. */
  readonly signal?: AbortSignal | undefined;
  /** Called while it opens for each try that has failed and is repeated, with its StateError and its number, from 1. */
  readonly onRetry?: ((error: unknown, attempt: number) => void) | undefined;
  /** How long a connection may take to be made; default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long a statement may take; default 120,000. */
  readonly statementTimeoutMs?: number | undefined;
  /** The host's clock: milliseconds since 1970; default the clock of the machine. */
  readonly now?: (() => number) | undefined;
  /** Milliseconds since any moment, by a clock that nobody sets; default that of the process. */
  readonly monotonicNow?: (() => number) | undefined;
  /** The database's clock: milliseconds since 1970; default what the server says. */
  readonly databaseNow?: (() => Promise<number>) | undefined;
}

/** What AWS signatures and Google's tokens bear, and a little less. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000;

/**
 * Opens the state of a fleet. Its tables must have been prepared by this program's version.
 * @throws ConfigurationError `CONFIG_INVALID` (name of the table, TLS), `CONFIG_ACCESS_DENIED`, `CONFIG_STATE_MISSING`,
 *   `CONFIG_STATE_INCOMPATIBLE`, `CONFIG_STATE_TOO_NEW`, `CONFIG_CLOCK_SKEW`; StateError `STATE_UNAVAILABLE`; the reason of the signal
 */
export async function openMysqlState(options: MysqlStateOptions): Promise<StateStore> {
  const hostNow = options.now ?? Date.now;
  const server = new MysqlAccess(options, options.statementTimeoutMs ?? 120_000);
  return closingOnFailure(server, options, async () => {
    const clock = new DatabaseClock({
      monotonicNow: options.monotonicNow ?? (() => performance.now()),
      hostNow,
      databaseNow: options.databaseNow ?? (() => server.now()),
    });
    const { skipsLocked } = await server.use(server.opening, 'openState', async (session) => {
      const inspected = await inspectMysqlServer(session);
      await requireMigrated(session, server.names);
      return inspected;
    });
    refuseSkew(await server.opening.run('openState', () => clock.now()), hostNow());
    return createStore(server, clock, skipsLocked, options.overrides);
  });
}

/**
 * Creates the tables, or upgrades those of the reference tool or of an earlier version in place, keeping their rows.
 * Several may do so at once; what was broken off is finished by the next.
 * @throws as {@link openMysqlState}, but for the clock
 */
export async function prepareMysqlState(options: MysqlStateOptions): Promise<PreparedState> {
  // Copying a large table takes as long as it takes.
  const server = new MysqlAccess(options, undefined);
  const prepared = await closingOnFailure(server, options, async () => {
    await server.use(server.opening, 'prepareState', inspectMysqlServer);
    return server.use(server.retry, 'prepareState', (session) => migrateMysql(session, server.names));
  });
  await server.close();
  return prepared;
}

/** Where it was told to stop, nothing is waited for: not a server that does not answer, either. */
async function closingOnFailure<T>(
  server: MysqlAccess,
  { signal }: Pick<MysqlStateOptions, 'signal'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await (signal === undefined ? work() : unlessAborted(work(), signal));
  } catch (error) {
    await server.close(signal?.aborted === true ? 0 : undefined);
    throw error;
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
    forcesIndex: true,
    maxDirKeyCharacters: MAX_DIR_KEY_CHARACTERS,
    overrides,
    close: () => server.close(),
  });
}

/** Connections to the server, and the patience to use them. */
class MysqlAccess {
  readonly names: StateTableNames;
  readonly connections: MysqlConnections;
  /** For work. */
  readonly retry: MysqlRetry;
  /** For what comes before it. */
  readonly opening: MysqlRetry;
  readonly #server: string;
  readonly #closing = new AbortController();

  constructor(options: MysqlStateOptions, statementTimeoutMs: number | undefined) {
    const dot = options.table.indexOf('.');
    const database = dot === -1 ? options.connection.database : options.table.slice(0, dot);
    this.names = stateTableNames(options.table.slice(dot + 1));
    const connection = { ...options.connection, database };
    this.connections = new MysqlConnections({
      connection,
      maxConnections: options.maxConnections ?? 4,
      connectTimeoutMs: options.connectTimeoutMs ?? 10_000,
      statementTimeoutMs,
    });
    this.#server = `${connection.host}:${connection.port}/${database}`;
    const closed = this.#closing.signal;
    this.retry = new MysqlRetry({ server: this.#server, patienceMs: options.patienceMs ?? 60_000, signal: closed });
    this.opening = new MysqlRetry({
      server: this.#server,
      patienceMs: options.openingPatienceMs ?? 30_000,
      signal: options.signal === undefined ? closed : AbortSignal.any([closed, options.signal]),
      onRetry: options.onRetry,
    });
  }

  use<T>(retry: MysqlRetry, op: string, work: (session: MysqlSession) => Promise<T>): Promise<T> {
    return retry.run(op, () => this.#useOnce(work));
  }

  /** The server's clock. Called within a retry. */
  now(): Promise<number> {
    return this.#useOnce(async (session) => {
      const { rows } = await session.query('SELECT UNIX_TIMESTAMP(NOW(6)) * 1000 AS now', []);
      return Number(rows[0]?.['now']);
    });
  }

  async close(graceMs?: number): Promise<void> {
    const reason = `the connection to MySQL at ${this.#server} has been closed`;
    this.#closing.abort(new StateError('STATE_UNAVAILABLE', reason, { op: 'close', source: this.#server }));
    await this.connections.close(graceMs);
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

function refuseSkew(databaseMs: number, hostMs: number): void {
  if (Math.abs(databaseMs - hostMs) <= MAX_CLOCK_SKEW_MS) return;
  const [host, database] = [hostMs, databaseMs].map((ms) => new Date(ms).toISOString());
  throw new ConfigurationError(
    'CONFIG_CLOCK_SKEW',
    `the clock of this host says ${host}, the database's ${database}: one of them is wrong, and AWS and Google refuse what is signed by a wrong one`,
    { op: 'openState' },
  );
}
