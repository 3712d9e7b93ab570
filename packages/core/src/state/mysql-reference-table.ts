import { ConfigurationError } from '../domain/errors.ts';
import type { MysqlSession } from './mysql-connections.ts';

/** InnoDB's indexes take 3,072 bytes, and a character takes up to 4. */
export const MAX_DIR_KEY_CHARACTERS = 768;

const FLAG = { type: 'BOOLEAN', kind: 'integer' } as const;
const SIZE = { type: 'BIGINT(63) UNSIGNED', kind: 'integer' } as const;
const FREQUENCY = { type: 'TINYINT UNSIGNED', kind: 'integer' } as const;
const TIME = { type: 'DATETIME', kind: 'time' } as const;
const TEXT = { type: 'TEXT', kind: 'text' } as const;

/** The columns of the reference tool's table beside its key, as its description has them. */
export const REFERENCE_COLUMNS: Readonly<Record<string, ReferenceColumn>> = {
  initial_transfer: { ...FLAG, default: 1 },
  s3_size: { ...SIZE, default: 0 },
  gcs_size: { ...SIZE, default: 0 },
  cdn_transfer_published: { ...FLAG, default: 0 },
  sync_check_published: { ...FLAG, default: 0 },
  rsync_published: { ...FLAG, default: 0 },
  sync_check_in_progress: { ...FLAG, default: 0 },
  rsync_in_progress: { ...FLAG, default: 0 },
  sync_check_frequency: { ...FREQUENCY, default: 0 },
  rsync_frequency: { ...FREQUENCY, default: 0 },
  sync_check_last_start: TIME,
  sync_check_last_end: TIME,
  rsync_last_start: TIME,
  rsync_last_end: TIME,
  sync_check_error: TEXT,
  rsync_error: TEXT,
};

export interface ReferenceColumn {
  readonly type: string;
  readonly kind: keyof typeof DATA_TYPES;
  /** Left out: NULL. */
  readonly default?: number;
}

const DATA_TYPES = {
  integer: new Set(['tinyint', 'smallint', 'mediumint', 'int', 'bigint']),
  time: new Set(['datetime', 'timestamp']),
  text: new Set(['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext']),
  key: new Set(['char', 'varchar']),
} as const;

/** The table as the reference tool's description has it. */
export function createReferenceTable(table: string): string {
  const columns = Object.entries(REFERENCE_COLUMNS).map(([name, column]) =>
    column.default === undefined ? `${name} ${column.type}` : `${name} ${column.type} DEFAULT ${column.default}`,
  );
  return `CREATE TABLE IF NOT EXISTS \`${table}\` (dir_key VARCHAR(500) NOT NULL PRIMARY KEY, ${columns.join(', ')})
    ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 ROW_FORMAT=DYNAMIC`;
}

/**
 * Looks at a table before it is changed.
 * @throws ConfigurationError `CONFIG_STATE_INCOMPATIBLE` that names all that keeps it from becoming the state table
 */
export async function refuseForeignTable(session: MysqlSession, table: string): Promise<void> {
  const problems = [...(await shapeProblems(session, table))];
  if (problems.length === 0) problems.push(...(await rowProblems(session, table)));
  if (problems.length === 0) return;
  throw new ConfigurationError(
    'CONFIG_STATE_INCOMPATIBLE',
    `the table ${table} cannot become the state table, and has not been changed: ${problems.join('; ')}`,
    { op: 'prepareState', source: table },
  );
}

async function shapeProblems(session: MysqlSession, table: string): Promise<readonly string[]> {
  const { rows: tables } = await session.query(
    `SELECT table_type AS type FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?`,
    [table],
  );
  if (tables[0]?.['type'] !== 'BASE TABLE') return ['it is not a table, but a view'];
  const { rows: columns } = await session.query(
    `SELECT column_name AS name, data_type AS type, is_nullable AS nullable, column_default AS standard, extra AS extra
       FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?`,
    [table],
  );
  const byName = new Map(columns.map((column) => [String(column['name']).toLowerCase(), column]));
  const problems = [...(await keyProblems(session, table, byName.get('dir_key')))];
  for (const [name, { kind }] of Object.entries(REFERENCE_COLUMNS)) {
    const column = byName.get(name);
    if (column === undefined) problems.push(`it has no column ${name}`);
    else problems.push(...typeProblems(column, kind));
  }
  for (const [name, column] of byName) {
    const isFilled = column['nullable'] === 'YES' || column['standard'] !== null || column['extra'] !== '';
    if (name === 'dir_key' || name in REFERENCE_COLUMNS || isFilled) continue;
    problems.push(`its column ${name} has no default: no row could be added without it`);
  }
  return problems;
}

async function keyProblems(
  session: MysqlSession,
  table: string,
  column: Record<string, unknown> | undefined,
): Promise<readonly string[]> {
  if (column === undefined) return ['it has no column dir_key'];
  const { rows } = await session.query(
    `SELECT column_name AS name FROM information_schema.statistics
       WHERE table_schema = DATABASE() AND table_name = ? AND index_name = 'PRIMARY'`,
    [table],
  );
  const isKey = rows.length === 1 && String(rows[0]?.['name']).toLowerCase() === 'dir_key';
  return [...typeProblems(column, 'key'), ...(isKey ? [] : ['dir_key is not its primary key'])];
}

function typeProblems(column: Record<string, unknown>, kind: ReferenceColumn['kind']): readonly string[] {
  const type = String(column['type']).toLowerCase();
  if (DATA_TYPES[kind].has(type)) return [];
  return [`its column ${String(column['name'])} is ${type.toUpperCase()}, not ${KINDS[kind]}`];
}

const KINDS = { integer: 'an integer', time: 'DATETIME', text: 'TEXT', key: 'VARCHAR' } as const;

async function rowProblems(session: MysqlSession, table: string): Promise<readonly string[]> {
  const { rows: long } = await session.query(
    `SELECT dir_key FROM \`${table}\` WHERE CHAR_LENGTH(dir_key) > ? LIMIT 3`,
    [MAX_DIR_KEY_CHARACTERS],
  );
  const negative = Object.entries(REFERENCE_COLUMNS).filter(([, column]) => column.kind === 'integer');
  const { rows: below } = await session.query(
    `SELECT dir_key FROM \`${table}\` WHERE ${negative.map(([name]) => `${name} < 0`).join(' OR ')} LIMIT 3`,
    [],
  );
  return [
    ...long.map(
      (row) => `its key ${JSON.stringify(row['dir_key'])} is longer than ${MAX_DIR_KEY_CHARACTERS} characters`,
    ),
    ...below.map((row) => `its row ${JSON.stringify(row['dir_key'])} has a negative number`),
  ];
}
