import type { Kysely } from 'kysely';
import type { StateTables } from './state-tables.ts';

/**
 * Stores a control where it has the expected value still. Of two that add it at once, the row of the second is refused, and
 * it finds the first one's when it tries again.
 * @param expected `undefined`: it has none
 * @returns false where it has another one
 */
export async function replaceControl(
  db: Kysely<StateTables>,
  name: string,
  expected: string | undefined,
  value: string,
  now: number,
): Promise<boolean> {
  if (expected !== undefined) {
    const { numUpdatedRows } = await db
      .updateTable('controls')
      .set({ value, updatedAt: now })
      .where('name', '=', name)
      .where('value', '=', expected)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }
  return db.transaction().execute(async (transaction) => {
    const held = await transaction.selectFrom('controls').select('name').where('name', '=', name).executeTakeFirst();
    if (held !== undefined) return false;
    await transaction.insertInto('controls').values({ name, value, updatedAt: now }).execute();
    return true;
  });
}

/** True where a control has this value: what an attempt whose answer was lost may have left. */
export async function hasControl(db: Kysely<StateTables>, name: string, value: string): Promise<boolean> {
  const held = await db.selectFrom('controls').select('value').where('name', '=', name).executeTakeFirst();
  return held?.value === value;
}
