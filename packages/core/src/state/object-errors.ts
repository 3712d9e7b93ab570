import type { Kysely } from 'kysely';
import type {
  ObjectErrorCount,
  ObjectErrorRecord,
  OpenObjectError,
  OpenObjectErrorFilter,
  SubfolderLease,
} from '../ports/state-store.ts';
import { demandLease } from './hold-subfolder.ts';
import type { StateTables } from './state-tables.ts';

/** Keys of one statement. */
const CHUNK_KEYS = 500;

/**
 * One row per key: open while `resolved_at` is NULL; a resolved one that fails again begins afresh.
 * @param lease of whoever found them, `undefined` where that is nobody's
 * @throws StateError `STATE_LEASE_LOST`: somebody else holds the subfolder, or has
 */
export async function recordObjectErrors(
  db: Kysely<StateTables>,
  errors: readonly ObjectErrorRecord[],
  now: number,
  lease: SubfolderLease | undefined,
): Promise<void> {
  if (errors.length === 0) return;
  await db.transaction().execute(async (transaction) => {
    if (lease !== undefined) await demandLease(transaction, 'recordObjectErrors', lease, now);
    for (const error of errors) {
      const { dirKey, key, code, message, attempts } = error;
      const { numUpdatedRows } = await transaction
        .updateTable('objectErrors')
        .set((eb) => ({
          // Before resolvedAt: MySQL assigns from left to right and reads what it has just assigned.
          firstSeenAt: eb.case().when('resolvedAt', 'is', null).then(eb.ref('firstSeenAt')).else(now).end(),
          resolvedAt: null,
          code,
          message,
          attempts,
          lastSeenAt: now,
        }))
        .where('dirKey', '=', dirKey)
        .where('objectKey', '=', key)
        .executeTakeFirst();
      if (numUpdatedRows > 0n) continue;
      await transaction
        .insertInto('objectErrors')
        .values({ dirKey, objectKey: key, code, message, attempts, firstSeenAt: now, lastSeenAt: now })
        .execute();
    }
  });
}

export async function resolveObjectErrors(
  db: Kysely<StateTables>,
  dirKey: string,
  keys: readonly string[],
  now: number,
): Promise<void> {
  for (let start = 0; start < keys.length; start += CHUNK_KEYS) {
    await db
      .updateTable('objectErrors')
      .set({ resolvedAt: now })
      .where('dirKey', '=', dirKey)
      .where('objectKey', 'in', keys.slice(start, start + CHUNK_KEYS))
      .where('resolvedAt', 'is', null)
      .execute();
  }
}

export async function listOpenObjectErrors(
  db: Kysely<StateTables>,
  filter: OpenObjectErrorFilter,
): Promise<readonly OpenObjectError[]> {
  let query = db
    .selectFrom('objectErrors')
    .selectAll()
    .where('resolvedAt', 'is', null)
    .orderBy('objectKey')
    .limit(filter.limit);
  if (filter.code !== undefined) query = query.where('code', '=', filter.code);
  if (filter.dirKey !== undefined) query = query.where('dirKey', '=', filter.dirKey);
  if (filter.afterKey !== undefined) query = query.where('objectKey', '>', filter.afterKey);
  return (await query.execute()).map((row) => ({
    dirKey: row.dirKey,
    key: row.objectKey,
    code: row.code,
    message: row.message,
    attempts: row.attempts,
    firstSeen: new Date(row.firstSeenAt),
    lastSeen: new Date(row.lastSeenAt),
  }));
}

/** How many open errors there are of each code, the most frequent first. */
export async function countOpenObjectErrors(
  db: Kysely<StateTables>,
  dirKey: string | undefined,
): Promise<readonly ObjectErrorCount[]> {
  let query = db
    .selectFrom('objectErrors')
    .select((eb) => ['code', eb.fn.countAll<number | string>().as('errors')])
    .where('resolvedAt', 'is', null)
    .groupBy('code');
  if (dirKey !== undefined) query = query.where('dirKey', '=', dirKey);
  const counts = (await query.execute()).map(({ code, errors }) => ({ code, count: Number(errors) }));
  return counts.toSorted((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
}
