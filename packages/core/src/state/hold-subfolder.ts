import type { Kysely } from 'kysely';
import type { PublishedCounts, SubfolderLease } from '../ports/state-store.ts';
import type { SqlTemplate } from '../config/sql-template.ts';
import { demandOverride } from './query-overrides.ts';
import type { StateTables } from './state-tables.ts';

/** What a row without a holder says. */
export const NOT_HELD = { leaseOwner: null, leaseExpiresAt: 0 } as const;

/** An UPDATE of the row under this lease, which touches nothing where the lease ran out or went to somebody else. */
export function updateHeld(db: Kysely<StateTables>, lease: SubfolderLease, now: number) {
  return db
    .updateTable('subfolders')
    .where('dirKey', '=', lease.dirKey)
    .where('leaseOwner', '=', lease.leaseOwner)
    .where('leaseExpiresAt', '>', now);
}

export async function extendSubfolderLease(
  db: Kysely<StateTables>,
  lease: SubfolderLease,
  leaseMs: number,
  now: number,
): Promise<SubfolderLease | undefined> {
  const leaseExpiresAt = now + leaseMs;
  const { numUpdatedRows } = await updateHeld(db, lease, now).set({ leaseExpiresAt }).executeTakeFirst();
  return numUpdatedRows === 1n ? { ...lease, expiresAt: new Date(leaseExpiresAt) } : undefined;
}

export async function releaseSubfolder(db: Kysely<StateTables>, lease: SubfolderLease, now: number): Promise<boolean> {
  const { numUpdatedRows } = await updateHeld(db, lease, now).set(NOT_HELD).executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** @param updateQuery marks the row as published, in place of the built-in statement */
export async function confirmPublished(
  db: Kysely<StateTables>,
  lease: SubfolderLease,
  counts: PublishedCounts,
  now: number,
  updateQuery?: SqlTemplate,
): Promise<boolean> {
  const published = { objectsPublished: counts.objects, bytesPublished: counts.bytes, ...NOT_HELD };
  if (updateQuery === undefined) {
    const { numUpdatedRows } = await updateHeld(db, lease, now)
      .set({ initialTransfer: 0, cdnTransferPublished: 1, ...published })
      .executeTakeFirst();
    return numUpdatedRows === 1n;
  }
  return db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await updateHeld(transaction, lease, now).set(published).executeTakeFirst();
    if (numUpdatedRows !== 1n) return false;
    await demandOverride(transaction, 'update_query', updateQuery, [lease.dirKey]);
    return true;
  });
}
