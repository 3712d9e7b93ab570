import { CHECK_DUE, REPAIR_DUE } from './due-columns.ts';
import type { MysqlSession } from './mysql-connections.ts';
import {
  createReferenceTable,
  MAX_DIR_KEY_CHARACTERS,
  REFERENCE_COLUMNS,
  type ReferenceColumn,
} from './mysql-reference-table.ts';
import type { StateTableNames } from './state-tables.ts';

/**
 * A step of the schema. Its number is its place in the list, from 1; the list only ever grows at its end. Data definition
 * is not transactional in MySQL: a step may have been broken off anywhere, and finds out what is left to do.
 */
export interface MysqlMigration {
  /** What it has done, for the operator: follows "upgraded: ". */
  readonly name: string;
  readonly apply: (session: MysqlSession, names: StateTableNames, collation: string) => Promise<void>;
}

export const MYSQL_STATE_MIGRATIONS: readonly MysqlMigration[] = [
  {
    name: 'it has the columns of the reference tool',
    apply: async (session, names) => {
      await session.query(createReferenceTable(names.subfolders), []);
    },
  },
  {
    name: 'keys are told apart byte for byte, numbers are never NULL and do not overflow, and there are columns for counts and leases',
    apply: upgradeReferenceTable,
  },
  {
    name: 'beside it there are tables for object errors, runs, workers and controls',
    apply: async (session, names, collation) => {
      for (const sql of sideTables(names, collation)) await session.query(sql, []);
    },
  },
  {
    name: 'what is to be compared and repaired is found at once at any size; runs keep who began them and what they counted',
    apply: addDueColumns,
  },
  {
    name: 'live workers are counted at once, and a worker that has ended is not among them',
    apply: addWorkerEnds,
  },
];

async function addDueColumns(session: MysqlSession, names: StateTableNames, collation: string): Promise<void> {
  const text = `CHARACTER SET utf8mb4 COLLATE ${collation}`;
  await addMissing(session, names.subfolders, {
    columns: {
      unproven_count: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
      rsync_attempts: 'INT UNSIGNED NOT NULL DEFAULT 0',
    },
    indexes: {},
  });
  // In a statement of its own: the generated columns read those of the first.
  await addMissing(session, names.subfolders, {
    columns: {
      check_due: `TINYINT GENERATED ALWAYS AS (${CHECK_DUE}) VIRTUAL`,
      repair_due: `TINYINT GENERATED ALWAYS AS (${REPAIR_DUE}) VIRTUAL`,
    },
    indexes: {
      to_check: '(check_due, sync_check_published, lease_expires_at)',
      to_repair: '(repair_due, rsync_published, lease_expires_at)',
    },
  });
  await addMissing(session, names.runs, {
    columns: { user_name: `VARCHAR(255) ${text}`, counters: `MEDIUMTEXT ${text}` },
    indexes: { by_start: '(started_at)', by_status: '(status, started_at)' },
  });
  await addMissing(session, names.objectErrors, {
    columns: {},
    indexes: { open_by_code: '(resolved_at, code, object_key)' },
  });
}

async function addWorkerEnds(session: MysqlSession, names: StateTableNames): Promise<void> {
  await addMissing(session, names.workers, {
    columns: { ended_at: 'BIGINT UNSIGNED' },
    indexes: { by_heartbeat: '(mode, heartbeat_at)' },
  });
}

/** Adds to a table what it does not have yet, in one statement; a step that was broken off finds the rest. */
async function addMissing(
  session: MysqlSession,
  table: string,
  wanted: { readonly columns: Readonly<Record<string, string>>; readonly indexes: Readonly<Record<string, string>> },
): Promise<void> {
  const columns = await namesIn(session, 'columns', 'column_name', table);
  const indexes = await namesIn(session, 'statistics', 'index_name', table);
  const clauses = [
    ...Object.entries(wanted.columns).flatMap(([name, type]) => (columns.has(name) ? [] : [`ADD ${name} ${type}`])),
    ...Object.entries(wanted.indexes).flatMap(([name, parts]) =>
      indexes.has(name) ? [] : [`ADD INDEX ${name} ${parts}`],
    ),
  ];
  if (clauses.length > 0) await session.query(`ALTER TABLE \`${table}\` ${clauses.join(', ')}`, []);
}

/**
 * One ALTER TABLE, so that the table is copied once and is either as it was or as it should be, at any time. A second run
 * changes definitions into what they are, which copies nothing; what cannot be said twice is looked up before.
 */
async function upgradeReferenceTable(session: MysqlSession, names: StateTableNames, collation: string): Promise<void> {
  const table = names.subfolders;
  const numbers = Object.entries(REFERENCE_COLUMNS).filter(([, column]) => column.default !== undefined);
  await session.query(
    `UPDATE \`${table}\` SET ${numbers.map(([name, column]) => `${name} = COALESCE(${name}, ${column.default})`).join(', ')}
       WHERE ${numbers.map(([name]) => `${name} IS NULL`).join(' OR ')}`,
    [],
  );
  const columns = await namesIn(session, 'columns', 'column_name', table);
  const indexes = await namesIn(session, 'statistics', 'index_name', table);
  const text = `CHARACTER SET utf8mb4 COLLATE ${collation}`;
  const added: Readonly<Record<string, string>> = {
    s3_object_count: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
    gcs_object_count: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
    missing_count: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
    mismatched_count: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
    extra_count: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
    objects_published: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
    bytes_published: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
    lease_owner: `VARCHAR(500) ${text}`,
    lease_expires_at: 'BIGINT UNSIGNED NOT NULL DEFAULT 0',
  };
  const addedIndexes: Readonly<Record<string, string>> = {
    // What a publisher may claim, those never held first, and what is held. InnoDB appends the primary key to it.
    to_publish: '(initial_transfer, cdn_transfer_published, lease_expires_at)',
    held: '(lease_owner)',
  };
  const clauses = [
    `MODIFY dir_key VARCHAR(${MAX_DIR_KEY_CHARACTERS}) ${text} NOT NULL`,
    ...Object.entries(REFERENCE_COLUMNS).map(([name, column]) => `MODIFY ${name} ${upgradedType(column, text)}`),
    ...Object.entries(added).map(([name, type]) => `${columns.has(name) ? 'MODIFY' : 'ADD'} ${name} ${type}`),
    ...Object.entries(addedIndexes).flatMap(([name, parts]) =>
      indexes.has(name) ? [] : [`ADD INDEX ${name} ${parts}`],
    ),
  ];
  clauses.push(`DEFAULT ${text}`, ...(await storageClauses(session, table)));
  await session.query(`ALTER TABLE \`${table}\` ${clauses.join(', ')}`, []);
}

/** Rows that can be locked, and keys of more than 767 bytes: said only where it is not so, as it copies the table. */
async function storageClauses(session: MysqlSession, table: string): Promise<readonly string[]> {
  const { rows } = await session.query(
    `SELECT engine AS engine, row_format AS format FROM information_schema.tables
       WHERE table_schema = DATABASE() AND table_name = ?`,
    [table],
  );
  const isAsNeeded = rows[0]?.['engine'] === 'InnoDB' && rows[0]['format'] === 'Dynamic';
  return isAsNeeded ? [] : ['ENGINE=InnoDB', 'ROW_FORMAT=DYNAMIC'];
}

function upgradedType(column: ReferenceColumn, text: string): string {
  switch (column.kind) {
    case 'integer':
      // A frequency stops at 255 by the reference's type, at which its own statements fail.
      return `${column.type.replace('TINYINT', 'INT').replace('(63)', '')} NOT NULL DEFAULT ${column.default ?? 0}`;
    case 'time':
      return 'DATETIME NULL';
    case 'text':
    case 'key':
      return `MEDIUMTEXT ${text} NULL`;
  }
}

function sideTables(names: StateTableNames, collation: string): readonly string[] {
  const options = `ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=${collation}`;
  return [
    // Both keys are byte strings, of which an index holds all 1,024 bytes; as text they would be too long for one.
    `CREATE TABLE IF NOT EXISTS \`${names.objectErrors}\` (
       dir_key VARBINARY(1024) NOT NULL,
       object_key VARBINARY(1024) NOT NULL,
       code VARCHAR(100) NOT NULL,
       message MEDIUMTEXT NOT NULL,
       attempts INT UNSIGNED NOT NULL,
       first_seen_at BIGINT UNSIGNED NOT NULL,
       last_seen_at BIGINT UNSIGNED NOT NULL,
       resolved_at BIGINT UNSIGNED,
       PRIMARY KEY (dir_key, object_key),
       INDEX open_errors (resolved_at, object_key),
       INDEX open_by_dir (dir_key, resolved_at, object_key)
     ) ${options}`,
    `CREATE TABLE IF NOT EXISTS \`${names.runs}\` (
       run_id VARCHAR(255) NOT NULL PRIMARY KEY,
       job VARCHAR(255) NOT NULL,
       host VARCHAR(255) NOT NULL,
       pid BIGINT UNSIGNED NOT NULL,
       started_at BIGINT UNSIGNED NOT NULL,
       heartbeat_at BIGINT UNSIGNED NOT NULL,
       ended_at BIGINT UNSIGNED,
       status VARCHAR(20) NOT NULL,
       exit_message MEDIUMTEXT,
       -- One run of a job at a time: NULLs are not held against each other.
       running_job VARCHAR(255) GENERATED ALWAYS AS (CASE status WHEN 'RUNNING' THEN job END) STORED,
       UNIQUE INDEX one_per_job (running_job),
       INDEX by_job (job, status)
     ) ${options}`,
    `CREATE TABLE IF NOT EXISTS \`${names.workers}\` (
       worker_id VARCHAR(255) NOT NULL PRIMARY KEY,
       run_id VARCHAR(255),
       mode VARCHAR(100) NOT NULL,
       host VARCHAR(255) NOT NULL,
       pid BIGINT UNSIGNED NOT NULL,
       counters MEDIUMTEXT NOT NULL,
       heartbeat_at BIGINT UNSIGNED NOT NULL,
       INDEX by_run (run_id, worker_id)
     ) ${options}`,
    `CREATE TABLE IF NOT EXISTS \`${names.controls}\` (
       name VARCHAR(255) NOT NULL PRIMARY KEY,
       value MEDIUMTEXT NOT NULL,
       updated_at BIGINT UNSIGNED NOT NULL
     ) ${options}`,
  ];
}

async function namesIn(
  session: MysqlSession,
  view: 'columns' | 'statistics',
  column: string,
  table: string,
): Promise<ReadonlySet<string>> {
  const { rows } = await session.query(
    `SELECT ${column} AS name FROM information_schema.${view} WHERE table_schema = DATABASE() AND table_name = ?`,
    [table],
  );
  return new Set(rows.map((row) => String(row['name']).toLowerCase()));
}
