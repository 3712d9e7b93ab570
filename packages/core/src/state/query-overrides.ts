import type { Kysely } from 'kysely';
import { codeOf, type SqlTemplate } from '../config/sql-template.ts';
import { ConfigurationError } from '../domain/errors.ts';
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

/**
 * The rows that a `pull_query` asks for. Its LIMIT is raised by the rows that others hold: it does not know of leases, and
 * would find nothing but those.
 */
export async function pullCandidates(
  db: Kysely<StateTables>,
  pullQuery: SqlTemplate,
  held: number,
): Promise<readonly string[]> {
  const result = await db.executeQuery<{ readonly dirKey?: unknown }>(preparedQuery(raiseLimit(pullQuery, held), []));
  return result.rows.map(({ dirKey }) => {
    if (typeof dirKey === 'string') return dirKey;
    throw new ConfigurationError('CONFIG_INVALID', 'pull_query: a row of its result has no dir_key', { op: 'claim' });
  });
}

/** Runs an override that is to change one row. @returns false where it changed none */
export async function runOverride(
  db: Kysely<StateTables>,
  override: SqlTemplate,
  values: readonly unknown[],
): Promise<boolean> {
  const { numAffectedRows } = await db.executeQuery(preparedQuery(override.sql, values));
  return numAffectedRows !== undefined && numAffectedRows > 0n;
}

/** @throws ConfigurationError naming the field whose statement changed nothing: the row would be worked on over and over */
export async function demandOverride(
  db: Kysely<StateTables>,
  field: string,
  override: SqlTemplate,
  values: readonly unknown[],
): Promise<void> {
  if (await runOverride(db, override, values)) return;
  const dirKey = values.at(-1);
  throw new ConfigurationError('CONFIG_INVALID', `${field}: it changed no row for ${JSON.stringify(dirKey)}`, {
    op: field,
  });
}

function raiseLimit({ sql }: SqlTemplate, by: number): string {
  const limit = /\blimit\s+(\d+)\s*$/i;
  const found = by > 0 ? limit.exec(codeOf(sql)) : null;
  // Only a LIMIT that stands there as it is in the code, not in a comment behind it.
  if (found === null || !limit.test(sql)) return sql;
  return sql.replace(limit, `LIMIT ${Number(found[1]) + by}`);
}
