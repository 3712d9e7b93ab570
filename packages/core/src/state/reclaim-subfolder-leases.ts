import type { Kysely } from 'kysely';
import { NOT_HELD } from './hold-subfolder.ts';
import type { StateTables } from './state-tables.ts';

/** Lets go of what dead owners hold, with the marks of the checks and repairs that died with them. */
export async function reclaimSubfolderLeases(
  db: Kysely<StateTables>,
  isDead: (leaseOwner: string) => boolean,
): Promise<number> {
  const owners = await db
    .selectFrom('subfolders')
    .select('leaseOwner')
    .distinct()
    .where('leaseOwner', 'is not', null)
    .execute();
  let reclaimed = 0;
  for (const { leaseOwner } of owners) {
    if (leaseOwner === null || !isDead(leaseOwner)) continue;
    const { numUpdatedRows } = await db
      .updateTable('subfolders')
      .set({ ...NOT_HELD, syncCheckInProgress: 0, rsyncInProgress: 0 })
      .where('leaseOwner', '=', leaseOwner)
      .executeTakeFirst();
    reclaimed += Number(numUpdatedRows);
  }
  return reclaimed;
}
