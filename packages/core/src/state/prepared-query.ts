import { CompiledQuery } from 'kysely';

/** A statement whose values the server binds, instead of the driver writing them in place of every `?`, in quotes too. */
export interface PreparedQuery extends CompiledQuery {
  readonly isPrepared: true;
}

export function preparedQuery(sql: string, values: readonly unknown[]): PreparedQuery {
  return { ...CompiledQuery.raw(sql, [...values]), isPrepared: true };
}

export function isPreparedQuery(query: CompiledQuery): query is PreparedQuery {
  return 'isPrepared' in query;
}
