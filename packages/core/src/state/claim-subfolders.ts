import type { Kysely } from 'kysely';
import type { ClaimRequest, SubfolderLease } from '../ports/state-store.ts';
import { createLeaseOwner } from './lease-owner.ts';
import type { StateTables } from './state-tables.ts';

/**
 * Takes rows that wait for a publisher and whose lease is none or has run out.
 *
 * Reads candidates off the index, then takes them by one UPDATE that asks the same again: a row that somebody else took
 * in between is not counted. The 0 and 1 are literals so that the planner sees that the partial index holds these rows.
 *
 * A check or repair whose lease has run out died with it: its mark goes, as nothing would be left to tell it from a mark
 * that was set by hand, once this lease ends. A mark without any lease is one of those and stays.
 */
export async function claimSubfolders(
  db: Kysely<StateTables>,
  request: ClaimRequest,
  now: number,
): Promise<readonly SubfolderLease[]> {
  const leaseOwner = createLeaseOwner(request.owner);
  const leaseExpiresAt = now + request.leaseMs;
  const dirKeys = await db.transaction().execute(async (transaction) => {
    const candidates = await claimableSubfolders(transaction, now, request.limit).execute();
    if (candidates.length === 0) return [];
    const keys = candidates.map(({ dirKey }) => dirKey);
    const taken = await transaction
      .updateTable('subfolders')
      .set((eb) => ({
        // Before leaseOwner: MySQL assigns from left to right and reads what it has just assigned.
        syncCheckInProgress: eb
          .case()
          .when('leaseOwner', 'is', null)
          .then(eb.ref('syncCheckInProgress'))
          .else(eb.lit(0))
          .end(),
        rsyncInProgress: eb.case().when('leaseOwner', 'is', null).then(eb.ref('rsyncInProgress')).else(eb.lit(0)).end(),
        leaseOwner,
        leaseExpiresAt,
      }))
      .where('dirKey', 'in', keys)
      .where('initialTransfer', '=', 1)
      .where('cdnTransferPublished', '=', 0)
      .where('leaseExpiresAt', '<=', now)
      .executeTakeFirst();
    if (Number(taken.numUpdatedRows) === keys.length) return keys;
    const held = await transaction
      .selectFrom('subfolders')
      .select('dirKey')
      .where('leaseOwner', '=', leaseOwner)
      .execute();
    return held.map(({ dirKey }) => dirKey);
  });
  const expiresAt = new Date(leaseExpiresAt);
  return dirKeys.map((dirKey) => ({ dirKey, leaseOwner, expiresAt }));
}

/** Those that a claim leaves to their holders. Few: an index has them beside those that can be claimed. */
export async function countHeldUnpublished(db: Kysely<StateTables>, now: number): Promise<number> {
  const { held } = await db
    .selectFrom('subfolders')
    .select((eb) => eb.fn.countAll<number | string>().as('held'))
    .where((eb) => eb('initialTransfer', '=', eb.lit(1)))
    .where((eb) => eb('cdnTransferPublished', '=', eb.lit(0)))
    .where('leaseExpiresAt', '>', now)
    .executeTakeFirstOrThrow();
  return Number(held);
}

/** The query that a claim costs: it must be answered from an index alone, at any size of the table. */
function claimableSubfolders(db: Kysely<StateTables>, now: number, limit: number) {
  return db
    .selectFrom('subfolders')
    .select('dirKey')
    .where((eb) => eb('initialTransfer', '=', eb.lit(1)))
    .where((eb) => eb('cdnTransferPublished', '=', eb.lit(0)))
    .where('leaseExpiresAt', '<=', now)
    .orderBy('leaseExpiresAt')
    .orderBy('dirKey')
    .limit(limit);
}
