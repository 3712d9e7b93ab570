import { ConfigurationError, StateError } from '../domain/errors.ts';

/*
 * Numbers of errors.
 * @see https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html
 * @see https://mariadb.com/kb/en/mariadb-error-code-reference/
 */

/** Others were writing the same: the same again, a moment later, does it. */
const CONFLICTS: ReadonlySet<number> = new Set([
  1020, // MariaDB: the record has changed since it was read
  1062, // duplicate key
  1205, // waited too long for a lock
  1213, // deadlock
  3101, // MySQL: another member of a group was writing the same
]);

/** The server, or the way to it, will be back: it restarts, fails over or has too many connections. */
const AWAY: ReadonlySet<number> = new Set([
  1040, // too many connections
  1042, // cannot resolve the client's host
  1047, // MariaDB: a node of a cluster that is not ready
  1053, // the server shuts down
  1129, // the host is blocked for having failed too often
  1152, // the connection was aborted
  1158, // network errors of the server
  1159,
  1160,
  1161,
  1180, // an error while committing
  1184, // the connection was aborted
  1203, // too many connections of this user
  1226, // the user is at a limit of this hour
  1317, // the statement was interrupted
  1461, // too many prepared statements
  1615, // a prepared statement is to be prepared again
  1927, // MariaDB: the connection was killed
  1969, // MariaDB: the statement was interrupted, for the time that it took
  3024, // MySQL: the same
  3169, // the session was killed
  4031, // the session had been idle for too long
]);

/** The server takes no writes, as in a failover, or for good. */
const READ_ONLY: ReadonlySet<number> = new Set([1036, 1290, 1792, 1836]);
const STORAGE_FULL: ReadonlySet<number> = new Set([1021, 1114]);
const CORRUPT: ReadonlySet<number> = new Set([1034, 1194, 1195, 1712]);
const ACCESS_DENIED: ReadonlySet<number> = new Set([
  1044, 1045, 1130, 1131, 1132, 1142, 1143, 1227, 1251, 1370, 1396, 1524, 1698, 1820, 1862, 3118, 3159, 4151,
]);
/** Those of {@link ACCESS_DENIED} that say who may do what with a table, once somebody has logged in. */
const PRIVILEGE_MISSING: ReadonlySet<number> = new Set([1044, 1142, 1143, 1227, 1370]);
const MISSING: ReadonlySet<number> = new Set([1049, 1146]);
/** A binary log that has no room for READ COMMITTED. */
const BINLOG_FORMAT = 1665;
/** Unknown columns and indexes, and that log. */
const INCOMPATIBLE: ReadonlySet<number> = new Set([1054, 1064, 1176, 1273, 1364, BINLOG_FORMAT]);
/** The server has run out of something, or has lost its way: no fault of the statement. */
const SERVER_FAILED: ReadonlySet<number> = new Set([
  1030, // the storage engine failed
  1037, // no memory
  1038, // no memory to sort
  1041, // no memory
  1105, // unknown
  1135, // no thread
  1206, // no room for locks
]);

/** What Node says where a certificate or its owner is not trusted begins with these. */
const TLS_CODES =
  /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HANDSHAKE_|CRL_|INVALID_CA|HOSTNAME_MISMATCH)/;

/** What Node and the driver say where the connection was lost or never made. */
const CONNECTION_CODES: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'PROTOCOL_CONNECTION_LOST',
]);

/** The number of an error that the server answered with; `undefined` for any other error. */
export function serverErrorNumber(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errno' in error) || !('sqlState' in error)) return undefined;
  return typeof error.errno === 'number' ? error.errno : undefined;
}

/** True where the same again may succeed: others were in the way, or the server was away. */
export function isTransientMysqlError(error: unknown): boolean {
  const number = serverErrorNumber(error);
  if (number !== undefined) return CONFLICTS.has(number) || AWAY.has(number) || READ_ONLY.has(number);
  return isConnectionLost(error);
}

/**
 * True where the server refuses a statement for what it says: its syntax, the names in it, what this user may do with them,
 * its values. The same again would be refused again.
 */
export function isStatementRefused(error: unknown): boolean {
  const number = serverErrorNumber(error);
  if (number === undefined || isTransientMysqlError(error)) return false;
  if (ACCESS_DENIED.has(number)) return PRIVILEGE_MISSING.has(number);
  const isServers = [STORAGE_FULL, CORRUPT, SERVER_FAILED].some((numbers) => numbers.has(number));
  return !isServers && number !== BINLOG_FORMAT;
}

export function isReadOnlyServer(error: unknown): boolean {
  return READ_ONLY.has(serverErrorNumber(error) ?? 0);
}

function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error) || isTlsRefusal(error)) return false;
  // The driver marks as fatal whatever ends a connection, and some of it has no code.
  return CONNECTION_CODES.has(errorCode(error)) || ('fatal' in error && error.fatal === true);
}

function isTlsRefusal(error: Error): boolean {
  return TLS_CODES.test(errorCode(error)) && !isHandshakeLost(error);
}

/**
 * True where the network broke a handshake off. The driver gives that the same code as a certificate that is refused; what
 * Node adds to the error stays: the system call that failed, or the connection that was closed.
 */
function isHandshakeLost(error: Error): boolean {
  return errorCode(error) === 'HANDSHAKE_SSL_ERROR' && ('syscall' in error || 'localAddress' in error);
}

function errorCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Where an error happened. */
export interface MysqlErrorPlace {
  readonly op: string;
  /** `host:port/database`. */
  readonly server: string;
  /** How often and how long it was tried, where it was tried more than once. */
  readonly effort?: string | undefined;
}

/**
 * @returns a ConfigurationError for what the operator has to change, a StateError for what happened to the server; the
 *   error itself for anything else, which is a defect of the caller
 */
export function toMysqlStateError(error: unknown, place: MysqlErrorPlace): unknown {
  if (!(error instanceof Error)) return error;
  const where = `MySQL at ${place.server}`;
  const context = { op: place.op, source: place.server, cause: error };
  const number = serverErrorNumber(error);
  if (number === undefined) {
    if (isTlsRefusal(error)) return new ConfigurationError('CONFIG_INVALID', `${where}: ${tlsReason(error)}`, context);
    return isConnectionLost(error) ? unavailable() : error;
  }
  if (ACCESS_DENIED.has(number)) {
    return new ConfigurationError('CONFIG_ACCESS_DENIED', `${where}: ${error.message}`, context);
  }
  if (MISSING.has(number)) {
    const text = `${where}: ${error.message}: \`object-transfer prepare\` creates the table, in a database that exists`;
    return new ConfigurationError('CONFIG_STATE_MISSING', text, context);
  }
  if (INCOMPATIBLE.has(number)) {
    return new ConfigurationError('CONFIG_STATE_INCOMPATIBLE', `${where}: ${error.message}`, context);
  }
  if (STORAGE_FULL.has(number)) return new StateError('STATE_STORAGE_FULL', `${where}: ${error.message}`, context);
  if (CORRUPT.has(number)) return new StateError('STATE_CORRUPT', `${where}: ${error.message}`, context);
  if (READ_ONLY.has(number)) return new StateError('STATE_READ_ONLY', `${where}: ${error.message}`, context);
  return isTransientMysqlError(error) ? unavailable() : error;

  function unavailable(): StateError {
    const effort = place.effort === undefined ? '' : ` (${place.effort})`;
    return new StateError('STATE_UNAVAILABLE', `${where}: ${(error as Error).message}${effort}`, context);
  }
}

function tlsReason(error: Error): string {
  const code = errorCode(error);
  if (code === 'HANDSHAKE_NO_SSL_SUPPORT') {
    return 'it speaks no TLS; `"ssl_disabled": true` in mysql_config is meant for a network that is private';
  }
  if (isForAnotherName(error)) {
    return `TLS: its certificate is for another server: ${error.message} (${code}); "host" in mysql_config must be a name that the certificate bears; where it bears none, as that of a Cloud SQL instance with a CA of its own, "ssl_verify_identity": false accepts whatever "ssl_ca" has signed`;
  }
  return `TLS: its certificate is not accepted: ${error.message} (${code}); "ssl_ca" in mysql_config names the authority that signed it`;
}

/** Node's `ERR_TLS_CERT_ALTNAME_INVALID`, whose code the driver replaces; what Node adds to it stays. */
function isForAnotherName(error: Error): boolean {
  return errorCode(error) === 'ERR_TLS_CERT_ALTNAME_INVALID' || ('cert' in error && 'reason' in error);
}
