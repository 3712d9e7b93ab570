import type { Kysely, QueryResult } from 'kysely';
import { codeOf, type SqlTemplate } from '../config/sql-template.ts';
import { ConfigurationError } from '../domain/errors.ts';
import { isStatementRefused, serverErrorNumber } from './mysql-errors.ts';
import { preparedQuery } from './prepared-query.ts';
import type { StateTables } from './state-tables.ts';

/**
 * Statements of the operator's in place of built-in ones, by the fields that give them. They decide which rows are worked
 * on and what their flags say. Leases, and the columns that the reference tool does not have, stay this program's: it takes
 * and ends a lease in the same transaction, so that rows are worked on once whatever the statements say.
 */
export interface QueryOverrides {
  /** Yields `dir_key`; nothing is bound. */
  readonly pullQuery?: SqlTemplate | undefined;
  /** Bound: dir_key. */
  readonly updateQuery?: SqlTemplate | undefined;
  /** Bound: dir_key. */
  readonly insertQuery?: SqlTemplate | undefined;
  /** Bound: time, dir_key. */
  readonly startQuery?: SqlTemplate | undefined;
  /** Bound: s3_size, gcs_size, time, error, dir_key. */
  readonly endQuery?: SqlTemplate | undefined;
}

/** As the configuration names it. */
type OverrideField = 'pull_query' | 'update_query' | 'insert_query' | 'start_query' | 'end_query';

/** The rows that a `pull_query` asks for, its LIMIT raised by so many. */
export async function pullCandidates(
  db: Kysely<StateTables>,
  pullQuery: SqlTemplate,
  raisedBy: number,
): Promise<readonly string[]> {
  const limited = limitOf(pullQuery);
  const sql = limited === undefined ? pullQuery.sql : `${limited.query} LIMIT ${limited.limit + raisedBy}`;
  return dirKeysOf(await executeOverride(db, 'pull_query', sql, []));
}

/** Which of these rows a `pull_query` asks for, whatever its LIMIT and its order. */
export async function pulledAmong(
  db: Kysely<StateTables>,
  pullQuery: SqlTemplate,
  dirKeys: readonly string[],
): Promise<ReadonlySet<string>> {
  const query = limitOf(pullQuery)?.query ?? pullQuery.sql;
  const values = dirKeys.map(() => '?').join(', ');
  // On a line of its own, the parenthesis is not part of a comment that the statement may end with.
  const sql = `SELECT dir_key FROM (${query}\n) AS pulled WHERE dir_key IN (${values})`;
  return new Set(dirKeysOf(await executeOverride(db, 'pull_query', sql, dirKeys)));
}

function dirKeysOf({ rows }: QueryResult<{ readonly dirKey?: unknown }>): readonly string[] {
  return rows.map(({ dirKey }) => {
    if (typeof dirKey === 'string') return dirKey;
    throw wrongOverride('pull_query', 'a row of its result has no dir_key');
  });
}

/**
 * Runs an override that is to change one row. @returns false where it changed none
 * @throws ConfigurationError naming the field whose statement is refused
 */
export async function runOverride(
  db: Kysely<StateTables>,
  field: OverrideField,
  override: SqlTemplate,
  values: readonly unknown[],
): Promise<boolean> {
  const { numAffectedRows } = await executeOverride(db, field, override.sql, values);
  return numAffectedRows !== undefined && numAffectedRows > 0n;
}

/** @throws ConfigurationError naming the field whose statement is refused, or changed nothing: the row would be worked on over and over */
export async function demandOverride(
  db: Kysely<StateTables>,
  field: OverrideField,
  override: SqlTemplate,
  values: readonly unknown[],
): Promise<void> {
  if (await runOverride(db, field, override, values)) return;
  throw wrongOverride(field, `it changed no row for ${JSON.stringify(values.at(-1))}`);
}

/** The operator has written the statement: what is wrong with it is told by the name of its field. */
async function executeOverride(
  db: Kysely<StateTables>,
  field: OverrideField,
  sql: string,
  values: readonly unknown[],
): Promise<QueryResult<{ readonly dirKey?: unknown }>> {
  try {
    return await db.executeQuery(preparedQuery(sql, values));
  } catch (error) {
    if (!(error instanceof Error) || !isStatementRefused(error)) throw error;
    throw wrongOverride(field, `MySQL refuses it: ${error.message} (errno ${serverErrorNumber(error)})`, error);
  }
}

function wrongOverride(field: OverrideField, problem: string, cause?: Error): ConfigurationError {
  return new ConfigurationError('CONFIG_INVALID', `${field}: ${problem}`, { op: field, cause });
}

/** @returns the LIMIT that a statement ends with, and the statement without it */
function limitOf({ sql }: SqlTemplate): { readonly query: string; readonly limit: number } | undefined {
  const limit = /\blimit\s+(\d+)\s*$/i;
  // Only a LIMIT that stands there as it is in the code, not in a comment behind it.
  const found = limit.test(codeOf(sql)) ? limit.exec(sql) : null;
  return found === null ? undefined : { query: sql.slice(0, found.index), limit: Number(found[1]) };
}
