import type { Kysely } from 'kysely';
import { NOT_HELD } from './hold-subfolder.ts';
import type { StateTables } from './state-tables.ts';

/**
 * Lets go of what dead owners hold, with the marks of the checks and repairs that died with them.
 * @param reclaimed rows by owner: what was found before the answer to an attempt was lost counts as reclaimed by it
 */
export async function reclaimSubfolderLeases(
  db: Kysely<StateTables>,
  isDead: (leaseOwner: string) => boolean,
  reclaimed: Map<string, number>,
): Promise<number> {
  const owners = await db
    .selectFrom('subfolders')
    .select((eb) => ['leaseOwner', eb.fn.countAll<number | string>().as('rows')])
    .where('leaseOwner', 'is not', null)
    .groupBy('leaseOwner')
    .execute();
  for (const { leaseOwner, rows } of owners) {
    if (leaseOwner === null || !isDead(leaseOwner)) continue;
    reclaimed.set(leaseOwner, Number(rows));
    const { numUpdatedRows } = await db
      .updateTable('subfolders')
      .set({ ...NOT_HELD, syncCheckInProgress: 0, rsyncInProgress: 0 })
      .where('leaseOwner', '=', leaseOwner)
      .executeTakeFirst();
    reclaimed.set(leaseOwner, Number(numUpdatedRows));
  }
  return [...reclaimed.values()].reduce((sum, rows) => sum + rows, 0);
}
