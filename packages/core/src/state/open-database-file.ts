import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ConfigurationError } from '../domain/errors.ts';
import { EmbeddedDatabase } from './embedded-database.ts';
import { isSqliteBusy, sqliteErrorCode, SQLITE_RESULT, toStateError } from './sqlite-errors.ts';

/** "ObTr" in the header of every state file: other programs' SQLite files are told apart by it. */
export const APPLICATION_ID = 0x4f_62_54_72;

/** Longer than loading a million subfolders takes, which holds the write lock throughout. */
const DEFAULT_BUSY_TIMEOUT_MS = 60_000;

/**
 * Opens or creates a state file and sets the connection up.
 *
 * `synchronous = FULL`: with NORMAL, a power cut takes back the last commits. Inside one file that is harmless, as it
 * takes them back in their order. But the state store and the queue are chosen one by one: a subfolder marked as
 * published in MySQL, whose messages a power cut then took out of this file, would never be transferred. One fsync a
 * commit is the price, and group commit shares it.
 *
 * @throws ConfigurationError `CONFIG_UNREADABLE` where the file cannot be opened or written, `CONFIG_STATE_INCOMPATIBLE`
 *   where it is something else; StateError `STATE_CORRUPT`, `STATE_STORAGE_FULL`, `STATE_UNAVAILABLE`
 */
export async function openDatabaseFile(
  file: string,
  options: { readonly busyTimeoutMs?: number | undefined } = {},
): Promise<EmbeddedDatabase> {
  const path = resolve(file);
  checkPath(path);
  const connection = open(path);
  const database = new EmbeddedDatabase(path, connection, options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS);
  try {
    await database.whenNotBusy(() => {
      // The first statement reads the header: it comes before any that would write to a foreign file.
      checkOwner(connection, path);
      connection.exec('PRAGMA journal_mode = WAL');
    });
    connection.exec('PRAGMA synchronous = FULL');
    // On macOS a plain fsync leaves the data in the drive's cache.
    connection.exec('PRAGMA fullfsync = ON');
    connection.exec('PRAGMA checkpoint_fullfsync = ON');
    // A WAL that grew in one large transaction shrinks again.
    connection.exec(`PRAGMA journal_size_limit = ${64 * 1024 * 1024}`);
  } catch (error) {
    connection.close();
    throw openingError(error, path);
  }
  return database;
}

function checkPath(path: string): void {
  const directory = dirname(path);
  if (!existsSync(directory)) throw unusable(path, `the directory ${directory} does not exist`);
  if (existsSync(path) && !statSync(path).isFile()) throw unusable(path, 'it is not a file');
  if (existsSync(path)) checkAccess(path, path, 'it cannot be read and written');
  // SQLite keeps -wal and -shm files beside it.
  checkAccess(path, directory, `the directory ${directory} cannot be written`);
}

function checkAccess(path: string, what: string, reason: string): void {
  try {
    accessSync(what, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw unusable(path, `${reason} (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

function open(path: string): DatabaseSync {
  try {
    // The time-out is short as it stops the process; EmbeddedDatabase waits longer in its own way.
    return new DatabaseSync(path, { timeout: 5 });
  } catch (error) {
    throw openingError(error, path);
  }
}

function checkOwner(connection: DatabaseSync, path: string): void {
  const header = connection.prepare('SELECT application_id AS id FROM pragma_application_id').get();
  if (header?.['id'] === APPLICATION_ID) return;
  const content = connection.prepare('SELECT count(*) AS tables FROM sqlite_schema').get();
  if (content?.['tables'] === 0) return;
  throw new ConfigurationError(
    'CONFIG_STATE_INCOMPATIBLE',
    `${path} is an SQLite file of another program; give a new path for the state file`,
    { op: 'openState', source: path },
  );
}

function openingError(error: unknown, path: string): unknown {
  const code = sqliteErrorCode(error);
  if (code === undefined || isSqliteBusy(error)) return toStateError(error, 'openState', path);
  switch (code & 0xff) {
    case SQLITE_RESULT.notADatabase:
      return new ConfigurationError(
        'CONFIG_STATE_INCOMPATIBLE',
        `${path} is not an SQLite file; give a new path for the state file`,
        { op: 'openState', source: path, cause: error },
      );
    case SQLITE_RESULT.cannotOpen:
      return unusable(path, 'it cannot be opened', error);
    case SQLITE_RESULT.readOnly:
      return unusable(path, 'it cannot be written', error);
    default:
      return toStateError(error, 'openState', path);
  }
}

function unusable(path: string, reason: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('CONFIG_UNREADABLE', `state file ${path}: ${reason}`, {
    op: 'openState',
    source: path,
    cause,
  });
}
