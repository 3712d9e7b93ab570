import { isReferenceQuery, type ReferenceQueryKind } from '@object-transfer/core/config/reference-queries';
import type { SqlTemplate } from '@object-transfer/core/config/sql-template';
import type { QueryOverrides } from '@object-transfer/core/state/query-overrides';

/** Which statements of the reference tool the fields of a module stand for. */
type QueryKinds = { readonly [K in keyof QueryOverrides]: ReferenceQueryKind };

export const DUMP_QUERIES = { insertQuery: 'insert' } as const satisfies QueryKinds;
export const PUBLISHER_OBJECTS_QUERIES = {
  pullQuery: 'objectsPull',
  updateQuery: 'objectsUpdate',
} as const satisfies QueryKinds;
export const PUBLISHER_SYNC_CHECK_QUERIES = {
  pullQuery: 'syncCheckPull',
  updateQuery: 'syncCheckUpdate',
} as const satisfies QueryKinds;
export const PUBLISHER_RSYNC_QUERIES = {
  pullQuery: 'rsyncPull',
  updateQuery: 'rsyncUpdate',
} as const satisfies QueryKinds;
export const WORKER_SYNC_CHECK_QUERIES = {
  startQuery: 'syncCheckStart',
  endQuery: 'syncCheckEnd',
} as const satisfies QueryKinds;
export const WORKER_RSYNC_QUERIES = { startQuery: 'rsyncStart', endQuery: 'rsyncEnd' } as const satisfies QueryKinds;

/**
 * The SQL overrides that are the operator's own. The reference tool's are left out: the built-in statements mean the same,
 * and cost the same for any number of rows.
 */
export function customQueries<Kinds extends QueryKinds>(
  kinds: Kinds,
  settings: { readonly mysqlTable: string | undefined } & { readonly [K in keyof Kinds]: SqlTemplate | undefined },
): QueryOverrides {
  const { mysqlTable } = settings;
  if (mysqlTable === undefined) return {};
  const custom = Object.entries(kinds).filter(([field, kind]) => {
    const given = settings[field as keyof Kinds];
    return given !== undefined && !isReferenceQuery(kind, given.text, mysqlTable);
  });
  return Object.fromEntries(custom.map(([field]) => [field, settings[field as keyof Kinds]]));
}
