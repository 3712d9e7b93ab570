import { createHash } from 'node:crypto';
import { ConfigurationError, StateError } from '../domain/errors.ts';
import type { MysqlSession } from './mysql-connections.ts';
import { refuseForeignTable } from './mysql-reference-table.ts';
import { byteCollation } from './mysql-server.ts';
import { MYSQL_STATE_MIGRATIONS } from './mysql-state-migrations.ts';
import type { StateTableNames } from './state-tables.ts';

/** What `prepare` did. */
export interface PreparedState {
  /** False where the table was there before. */
  readonly created: boolean;
  /** What was done, in words that can follow "upgraded: ", one by one; empty where the tables were up to date. */
  readonly applied: readonly string[];
}

/** One statement's wait for another that prepares the same. */
const LOCK_WAIT_SECONDS = 30;
/** The other may be copying a large table. */
const LOCK_PATIENCE_SECONDS = 3600;

/**
 * Brings the tables up to date. Any number of processes may do so at once, and any of them may be killed while it does.
 * @param session without a time-out for its statements
 * @throws ConfigurationError `CONFIG_STATE_TOO_NEW`, `CONFIG_STATE_INCOMPATIBLE`
 */
export async function migrateMysql(session: MysqlSession, names: StateTableNames): Promise<PreparedState> {
  // Without a right to create tables, it can still be found out that none is needed.
  if (await isUpToDate(session, names)) return { created: false, applied: [] };
  const lock = await lockName(session, names.subfolders);
  await acquireLock(session, lock);
  try {
    return await migrateAlone(session, names);
  } finally {
    // Where the connection broke, the lock went with it, and the reason is on its way.
    await session.query('DO RELEASE_LOCK(?)', [lock]).catch(() => undefined);
  }
}

async function migrateAlone(session: MysqlSession, names: StateTableNames): Promise<PreparedState> {
  // Another process may have done it while this one waited.
  if (await isUpToDate(session, names)) return { created: false, applied: [] };
  const ledger = names.migrations;
  const isThere = await tableExists(session, names.subfolders);
  // Where the table was dropped, whatever the ledger says was done to it is to be done again.
  const current = isThere ? await appliedMigrations(session, names) : 0;
  // A table that none of these has touched belongs to the reference tool, or to something else.
  if (isThere && current === 0) await refuseForeignTable(session, names.subfolders);
  const collation = await byteCollation(session);
  await session.query(
    `CREATE TABLE IF NOT EXISTS \`${ledger}\` (
       version INT UNSIGNED NOT NULL PRIMARY KEY,
       name VARCHAR(255) NOT NULL,
       applied_at DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP
     ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4`,
    [],
  );
  const applied: string[] = [];
  for (const [index, migration] of MYSQL_STATE_MIGRATIONS.entries()) {
    if (index < current) continue;
    await migration.apply(session, names, collation);
    await session.query(
      `INSERT INTO \`${ledger}\` (version, name) VALUES (?, ?)
         ON DUPLICATE KEY UPDATE name = VALUES(name), applied_at = CURRENT_TIMESTAMP`,
      [index + 1, migration.name],
    );
    // The first one creates the table.
    if (index > 0 || !isThere) applied.push(migration.name);
  }
  return { created: !isThere, applied };
}

/** @throws ConfigurationError `CONFIG_STATE_TOO_NEW` */
async function isUpToDate(session: MysqlSession, names: StateTableNames): Promise<boolean> {
  const current = await appliedMigrations(session, names);
  return current === MYSQL_STATE_MIGRATIONS.length && (await tableExists(session, names.subfolders));
}

/**
 * Holds the schema against this program's.
 * @throws ConfigurationError `CONFIG_STATE_MISSING`, `CONFIG_STATE_INCOMPATIBLE`, `CONFIG_STATE_TOO_NEW`
 */
export async function requireMigrated(session: MysqlSession, names: StateTableNames): Promise<void> {
  const current = await appliedMigrations(session, names);
  const context = { op: 'openState', source: names.subfolders };
  if (!(await tableExists(session, names.subfolders))) {
    throw new ConfigurationError(
      'CONFIG_STATE_MISSING',
      `there is no table ${names.subfolders}: \`object-transfer prepare\` creates it`,
      context,
    );
  }
  if (current === MYSQL_STATE_MIGRATIONS.length) return;
  throw new ConfigurationError(
    'CONFIG_STATE_INCOMPATIBLE',
    current === 0
      ? `the table ${names.subfolders} is one of the reference tool, or of an earlier program: \`object-transfer prepare\` upgrades it and keeps its rows`
      : `the table ${names.subfolders} has version ${current}, this program needs ${MYSQL_STATE_MIGRATIONS.length}: \`object-transfer prepare\` upgrades it and keeps its rows`,
    context,
  );
}

/** The number of the last one; 0 where there is no ledger. @throws ConfigurationError `CONFIG_STATE_TOO_NEW` */
async function appliedMigrations(session: MysqlSession, names: StateTableNames): Promise<number> {
  if (!(await tableExists(session, names.migrations))) return 0;
  const { rows } = await session.query(`SELECT COALESCE(MAX(version), 0) AS version FROM \`${names.migrations}\``, []);
  const current = Number(rows[0]?.['version']);
  const known = MYSQL_STATE_MIGRATIONS.length;
  if (current <= known) return current;
  throw new ConfigurationError(
    'CONFIG_STATE_TOO_NEW',
    `the table ${names.subfolders} has version ${current} (${names.migrations}), this program knows up to ${known}: use the newer program`,
    { op: 'openState', source: names.subfolders },
  );
}

async function tableExists(session: MysqlSession, table: string): Promise<boolean> {
  const { rows } = await session.query(
    'SELECT 1 AS found FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?',
    [table],
  );
  return rows.length > 0;
}

/** Names of locks are the server's, not the database's, and have at most 64 characters. */
async function lockName(session: MysqlSession, table: string): Promise<string> {
  const { rows } = await session.query('SELECT DATABASE() AS name', []);
  const hash = createHash('sha256')
    .update(`${String(rows[0]?.['name'])}.${table}`)
    .digest('hex');
  return `object-transfer:${hash.slice(0, 40)}`;
}

async function acquireLock(session: MysqlSession, lock: string): Promise<void> {
  for (let waitedSeconds = 0; waitedSeconds < LOCK_PATIENCE_SECONDS; waitedSeconds += LOCK_WAIT_SECONDS) {
    const { rows } = await session.query('SELECT GET_LOCK(?, ?) AS held', [lock, LOCK_WAIT_SECONDS]);
    if (Number(rows[0]?.['held']) === 1) return;
  }
  throw new StateError('STATE_UNAVAILABLE', `another process has been preparing the state for an hour`, {
    op: 'prepareState',
  });
}
