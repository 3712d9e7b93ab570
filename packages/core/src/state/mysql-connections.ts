import { connect, type Socket } from 'node:net';
import { getCACertificates } from 'node:tls';
import { createPool, type Pool, type PoolConnection, type ResultSetHeader, type SslOptions } from 'mysql2/promise';
import { ConfigurationError } from '../domain/errors.ts';
import { isReadOnlyServer, serverErrorNumber } from './mysql-errors.ts';

/** Where a MySQL or MariaDB server is, and who this program is there. */
export interface MysqlConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly sslDisabled: boolean;
  /** PEM text of the certificate authority; `undefined`: those that the system and Node trust. */
  readonly sslCa?: string | undefined;
  /**
   * Whether the certificate must bear the host's name; default true. `false` takes an `sslCa` that signs for this server
   * alone, as that of a Cloud SQL instance does.
   */
  readonly sslVerifyIdentity?: boolean | undefined;
}

type ExecuteValues = NonNullable<Parameters<PoolConnection['execute']>[1]>;

export interface MysqlConnectionsOptions {
  readonly connection: MysqlConnection;
  readonly maxConnections: number;
  /** How long a connection may take to be made. */
  readonly connectTimeoutMs: number;
  /** How long a statement may take; `undefined`: for ever. */
  readonly statementTimeoutMs: number | undefined;
}

/**
 * What every session begins with. READ COMMITTED, as the transactions here read, then write under guards: they want the
 * newest rows, and no locks on the gaps between them. The modes leave out NO_ZERO_DATE, which would refuse to rebuild a
 * table that holds such dates, and NO_BACKSLASH_ESCAPES, which would turn the driver's quoting into a hole. Who says nothing
 * for half a minute loses the session: a process that stands still, or a host that is gone without a word, in the midst of a
 * transaction would keep all others from its rows, who are patient for a minute.
 */
const SESSION = [
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  `SET SESSION autocommit = 1, time_zone = '+00:00',
     sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',
     innodb_lock_wait_timeout = 20, lock_wait_timeout = 60, wait_timeout = 30`,
];

/** How long the server may take to end what it does when the connections are closed. */
const END_TIMEOUT_MS = 2_000;

/** Connections to one server, each with the session that the statements rely on. Those that broke are not used again. */
export class MysqlConnections {
  readonly #pool: Pool;
  readonly #statementTimeoutMs: number | undefined;
  readonly #prepared = new WeakSet<PoolConnection['connection']>();
  readonly #sockets = new Set<Socket>();
  #closed: Promise<void> | undefined;

  constructor(options: MysqlConnectionsOptions) {
    const { host, port, user, password, database } = options.connection;
    this.#statementTimeoutMs = options.statementTimeoutMs;
    this.#pool = createPool({
      host,
      port,
      user,
      password,
      database,
      ...tlsOptions(options.connection),
      stream: () => this.#connect(host, port),
      charset: 'UTF8MB4_BIN',
      timezone: 'Z',
      dateStrings: true,
      // Byte strings are keys in UTF-8 here: VARBINARY is the type whose order and equality are that of bytes everywhere.
      typeCast: (field, next) => (field.type === 'VAR_STRING' ? (field.buffer()?.toString('utf8') ?? null) : next()),
      connectTimeout: options.connectTimeoutMs,
      connectionLimit: options.maxConnections,
      maxIdle: 1,
      // Before the server ends the session.
      idleTimeout: 20_000,
    });
  }

  async acquire(): Promise<MysqlSession> {
    const connection = await this.#connection();
    const session = new MysqlSession(connection, this.#statementTimeoutMs);
    if (this.#prepared.has(connection.connection)) return session;
    // Whoever waits for a statement is told why it failed; the event, told twice, would end the process.
    connection.on('error', () => undefined);
    try {
      for (const sql of SESSION) await session.query(sql, []);
      this.#prepared.add(connection.connection);
      return session;
    } catch (error) {
      connection.destroy();
      throw error;
    }
  }

  async #connection(): Promise<PoolConnection> {
    try {
      return await this.#pool.getConnection();
    } catch (error) {
      // The driver says so by an error without a code.
      if (this.#closed !== undefined) throw Object.assign(error as Error, { code: 'ECONNABORTED' });
      throw error;
    }
  }

  /** Statements under way get a moment; a server that does not answer is left. */
  close(graceMs = END_TIMEOUT_MS): Promise<void> {
    this.#closed ??= this.#end(graceMs);
    return this.#closed;
  }

  async #end(graceMs: number): Promise<void> {
    const { promise: left, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
      resolve();
    }, graceMs);
    try {
      await Promise.race([this.#pool.end(), left]);
    } finally {
      clearTimeout(timer);
    }
  }

  #connect(host: string, port: number): Socket {
    const socket = connectTo(host, port);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

export interface MysqlResult {
  readonly rows: readonly Record<string, unknown>[];
  /** Rows that the statement found, whether or not it changed them. */
  readonly affectedRows: number | undefined;
}

/** One connection for as long as it is held. */
export class MysqlSession {
  readonly #connection: PoolConnection;
  readonly #timeoutMs: number | undefined;
  #broken = false;

  constructor(connection: PoolConnection, timeoutMs: number | undefined) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  async query(sql: string, values: readonly unknown[], isPrepared = false): Promise<MysqlResult> {
    try {
      const [result] = await this.#inTime(
        isPrepared
          ? this.#connection.execute(sql, [...values] as ExecuteValues)
          : this.#connection.query(sql, [...values]),
      );
      if (Array.isArray(result)) return { rows: result as Record<string, unknown>[], affectedRows: undefined };
      return { rows: [], affectedRows: (result as ResultSetHeader).affectedRows };
    } catch (error) {
      // Where the server did not answer, nobody knows what the connection is in the middle of. One that takes no writes may
      // have handed its part over: the next connection finds the one that has it now.
      if (serverErrorNumber(error) === undefined || isReadOnlyServer(error)) this.#broken = true;
      throw error;
    }
  }

  /** The driver's own time-out outlives a connection that broke, and the process would wait for it. */
  async #inTime<T>(answer: Promise<T>): Promise<T> {
    if (this.#timeoutMs === undefined) return answer;
    const { promise: expired, reject } = Promise.withResolvers<never>();
    const error = Object.assign(new Error(`no answer within ${this.#timeoutMs} ms`), { code: 'ETIMEDOUT' });
    const timer = setTimeout(() => reject(error), this.#timeoutMs);
    try {
      return await Promise.race([answer, expired]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives it back, or closes it where it broke. */
  release(): void {
    if (this.#broken) this.#connection.destroy();
    else this.#connection.release();
  }
}

/** @throws ConfigurationError where any certificate of any public authority would do */
function tlsOptions(connection: MysqlConnection): { readonly ssl?: SslOptions } {
  const { sslDisabled, sslCa, sslVerifyIdentity = true } = connection;
  if (sslDisabled) return {};
  if (!sslVerifyIdentity && sslCa === undefined) {
    throw new ConfigurationError('CONFIG_INVALID', 'MySQL: ssl_verify_identity cannot be false without ssl_ca');
  }
  return {
    ssl: {
      ca: sslCa ?? [...new Set([...getCACertificates('default'), ...getCACertificates('system')])],
      rejectUnauthorized: true,
      verifyIdentity: sslVerifyIdentity,
      minVersion: 'TLSv1.2',
    },
  };
}

/**
 * A socket that knows its host by name or number. mysql2 gives Node none when the host is an IP address, and Node would
 * then hold the certificate against `localhost`; it looks at this property of the socket before.
 */
function connectTo(host: string, port: number): Socket {
  const socket = connect({ host, port, keepAlive: true, keepAliveInitialDelay: 30_000, noDelay: true });
  return Object.assign(socket, { _host: host });
}
