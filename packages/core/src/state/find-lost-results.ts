import type { Kysely } from 'kysely';
import type { CheckFigures } from '../domain/subfolder.ts';
import type { PublishedCounts, RunStatus, SubfolderLease } from '../ports/state-store.ts';
import { figureColumns } from './check-subfolder.ts';
import type { StateTables } from './state-tables.ts';

/*
 * A statement may have been committed although its answer was lost with the connection. Repeated, it finds that the lease
 * is gone, and the row says whether that is its own doing. Where another holder could have left exactly the same row, the
 * answer is yes: it is what the caller wanted the row to be.
 */

/** What a claim of this name holds. */
export async function findHeld(db: Kysely<StateTables>, leaseOwner: string): Promise<readonly SubfolderLease[]> {
  const rows = await db
    .selectFrom('subfolders')
    .select(['dirKey', 'leaseExpiresAt'])
    .where('leaseOwner', '=', leaseOwner)
    .execute();
  return rows.map(({ dirKey, leaseExpiresAt }) => ({ dirKey, leaseOwner, expiresAt: new Date(leaseExpiresAt) }));
}

/** True where nobody holds the row, and it is neither being checked nor repaired. */
export async function wasReleased(db: Kysely<StateTables>, dirKey: string): Promise<boolean> {
  const row = await unheldRow(db, dirKey);
  return row !== undefined && row.syncCheckInProgress === 0 && row.rsyncInProgress === 0;
}

export async function wasPublished(db: Kysely<StateTables>, dirKey: string, counts: PublishedCounts): Promise<boolean> {
  const row = await unheldRow(db, dirKey);
  return (
    row !== undefined &&
    row.initialTransfer === 0 &&
    row.cdnTransferPublished !== 0 &&
    row.objectsPublished === counts.objects &&
    row.bytesPublished === counts.bytes
  );
}

export async function wasChecked(
  db: Kysely<StateTables>,
  dirKey: string,
  result: { readonly figures: CheckFigures } | { readonly error: string },
): Promise<boolean> {
  const row = await unheldRow(db, dirKey);
  if (row === undefined || row.syncCheckInProgress !== 0) return false;
  const expected = 'figures' in result ? figureColumns(result.figures) : { syncCheckError: result.error };
  return Object.entries(expected).every(([column, value]) => row[column as keyof typeof row] === value);
}

export async function hasEnded(
  db: Kysely<StateTables>,
  runId: string,
  end: { readonly status: RunStatus; readonly exitMessage: string | undefined },
): Promise<boolean> {
  const row = await db
    .selectFrom('runs')
    .select(['status', 'exitMessage'])
    .where('runId', '=', runId)
    .executeTakeFirst();
  return row !== undefined && row.status === end.status && row.exitMessage === (end.exitMessage ?? null);
}

function unheldRow(db: Kysely<StateTables>, dirKey: string) {
  return db
    .selectFrom('subfolders')
    .selectAll()
    .where('dirKey', '=', dirKey)
    .where('leaseOwner', 'is', null)
    .executeTakeFirst();
}
