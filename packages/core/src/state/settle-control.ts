import type { Kysely } from 'kysely';
import type { StateTables } from './state-tables.ts';

/**
 * Stores a control unless it has a value already. Of two that do so at once, the row of the second is refused, and it
 * finds the first one's when it tries again.
 * @returns the value that holds
 */
export async function settleControl(
  db: Kysely<StateTables>,
  name: string,
  value: string,
  now: number,
): Promise<string> {
  return db.transaction().execute(async (transaction) => {
    const held = await transaction.selectFrom('controls').select('value').where('name', '=', name).executeTakeFirst();
    if (held !== undefined) return held.value;
    await transaction.insertInto('controls').values({ name, value, updatedAt: now }).execute();
    return value;
  });
}
