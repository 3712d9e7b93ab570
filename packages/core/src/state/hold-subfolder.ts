import type { Expression, ExpressionBuilder, Kysely, SqlBool, Updateable } from 'kysely';
import { ConfigurationError } from '../domain/errors.ts';
import { beyondEveryLease } from '../domain/lease-length.ts';
import { leaseLost } from '../domain/lease-lost.ts';
import type { ClaimTarget, PublishedCounts, SubfolderLease } from '../ports/state-store.ts';
import { isToPublish } from './is-to-publish.ts';
import { demandOverride, type QueryOverrides } from './query-overrides.ts';
import type { StateTables } from './state-tables.ts';

/** What a row without a holder says. */
export const NOT_HELD = { leaseOwner: null, leaseExpiresAt: 0 } as const;

/** Nobody holds the row: there is no lease, it has run out, or it is {@link beyondEveryLease}. Answered from no index. */
export function isFree(eb: ExpressionBuilder<StateTables, 'subfolders'>, now: number): Expression<SqlBool> {
  return eb.or([eb('leaseExpiresAt', '<=', now), eb('leaseExpiresAt', '>', beyondEveryLease(now))]);
}

/** An UPDATE of the row under this lease, which touches nothing where the lease ran out or went to somebody else. */
export function updateHeld(db: Kysely<StateTables>, lease: SubfolderLease, now: number) {
  return db
    .updateTable('subfolders')
    .where('dirKey', '=', lease.dirKey)
    .where('leaseOwner', '=', lease.leaseOwner)
    .where('leaseExpiresAt', '>', now);
}

/**
 * For what is stored beside the row while it is worked on: keeps the row from everybody else until the transaction ends.
 * @param op what is stored
 * @throws StateError `STATE_LEASE_LOST`
 */
export async function demandLease(
  db: Kysely<StateTables>,
  op: string,
  lease: SubfolderLease,
  now: number,
): Promise<void> {
  const { leaseOwner } = lease;
  const { numUpdatedRows } = await updateHeld(db, lease, now).set({ leaseOwner }).executeTakeFirst();
  if (numUpdatedRows !== 1n) throw leaseLost(op, lease.dirKey);
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

/** What a row says once the queue has, or had, what it was claimed for. */
const PUBLISHED_COLUMNS = {
  objects: { initialTransfer: 0, cdnTransferPublished: 1 },
  syncCheck: { syncCheckPublished: 1 },
  rsync: { rsyncPublished: 1 },
  rsyncExtras: { rsyncPublished: 1 },
} as const satisfies Record<ClaimTarget, Updateable<StateTables['subfolders']>>;

/**
 * @param counts what was published, of objects
 * @param overrides `updateQuery` marks the row as published, in place of the built-in statement; `pullQuery` says whether
 *   it is then out of the publishers' way
 * @throws ConfigurationError where it is not: it would be published over and over
 */
export async function confirmPublished(
  db: Kysely<StateTables>,
  lease: SubfolderLease,
  { target, counts }: { readonly target: ClaimTarget; readonly counts?: PublishedCounts },
  now: number,
  overrides: PublishOverrides = {},
): Promise<boolean> {
  const { pullQuery, updateQuery } = overrides;
  const ended = {
    ...(counts === undefined ? {} : { objectsPublished: counts.objects, bytesPublished: counts.bytes }),
    ...NOT_HELD,
  };
  const published = { ...PUBLISHED_COLUMNS[target], ...ended };
  if (pullQuery === undefined && updateQuery === undefined) {
    const { numUpdatedRows } = await updateHeld(db, lease, now).set(published).executeTakeFirst();
    return numUpdatedRows === 1n;
  }
  return db.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await updateHeld(transaction, lease, now)
      .set(updateQuery === undefined ? published : ended)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) return false;
    if (updateQuery !== undefined) await demandOverride(transaction, 'update_query', updateQuery, [lease.dirKey]);
    if (await isToPublish(transaction, lease.dirKey, target, pullQuery)) {
      throw stillToPublish(lease.dirKey, target, overrides);
    }
    return true;
  });
}

/** The row is published once more, whoever works on it now. */
export async function withdrawPublished(
  db: Kysely<StateTables>,
  dirKey: string,
  target: 'syncCheck' | 'rsync',
): Promise<void> {
  await db
    .updateTable('subfolders')
    .set(target === 'syncCheck' ? { syncCheckPublished: 0 } : { rsyncPublished: 0 })
    .where('dirKey', '=', dirKey)
    .execute();
}

export type PublishOverrides = Pick<QueryOverrides, 'pullQuery' | 'updateQuery'>;

function stillToPublish(
  dirKey: string,
  target: ClaimTarget,
  { pullQuery, updateQuery }: PublishOverrides,
): ConfigurationError {
  const row = JSON.stringify(dirKey);
  const columns = PUBLISHED_COLUMN_NAMES[target];
  const problem =
    updateQuery === undefined
      ? `pull_query: it still yields ${row} where ${columns.after}, as it is after publishing without an update_query`
      : pullQuery === undefined
        ? `update_query: it leaves ${row} with ${columns.before}, which is what publishers look for without a pull_query`
        : `update_query: it leaves ${row} in the result of pull_query`;
  return new ConfigurationError('CONFIG_INVALID', `${problem}: it would be published over and over`, {
    op: 'confirmPublished',
    source: dirKey,
  });
}

const OF_REPAIRS = { before: 'rsync_published FALSE', after: 'rsync_published is TRUE' };
const PUBLISHED_COLUMN_NAMES: Readonly<Record<ClaimTarget, { readonly before: string; readonly after: string }>> = {
  objects: {
    before: 'initial_transfer TRUE and cdn_transfer_published FALSE',
    after: 'initial_transfer is FALSE and cdn_transfer_published TRUE',
  },
  syncCheck: { before: 'sync_check_published FALSE', after: 'sync_check_published is TRUE' },
  rsync: OF_REPAIRS,
  rsyncExtras: OF_REPAIRS,
};
