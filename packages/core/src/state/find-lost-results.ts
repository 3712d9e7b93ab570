import type { Kysely } from 'kysely';
import type { SqlTemplate } from '../config/sql-template.ts';
import type { ClaimTarget, PublishedCounts, RunStatus, SubfolderLease, WorkOutcome } from '../ports/state-store.ts';
import type { PublishOverrides } from './hold-subfolder.ts';
import { isToPublish } from './is-to-publish.ts';
import type { StateTables } from './state-tables.ts';
import { outcomeColumns, type SubfolderWork } from './work-on-subfolder.ts';

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

/** @param overrides where they decide about the flags, the row is out of the publishers' way, whatever its flags say */
export async function wasPublished(
  db: Kysely<StateTables>,
  dirKey: string,
  counts: PublishedCounts,
  { pullQuery, updateQuery }: PublishOverrides,
): Promise<boolean> {
  const row = await unheldRow(db, dirKey);
  if (row === undefined) return false;
  if (row.objectsPublished !== counts.objects || row.bytesPublished !== counts.bytes) return false;
  if (updateQuery !== undefined) return !(await isToPublish(db, dirKey, 'objects', pullQuery));
  return row.initialTransfer === 0 && row.cdnTransferPublished !== 0;
}

/** As {@link wasPublished}, for what a worker is to do. */
export async function wasWorkPublished(
  db: Kysely<StateTables>,
  dirKey: string,
  target: Exclude<ClaimTarget, 'objects'>,
  { pullQuery, updateQuery }: PublishOverrides,
): Promise<boolean> {
  const row = await unheldRow(db, dirKey);
  if (row === undefined) return false;
  if (updateQuery !== undefined) return !(await isToPublish(db, dirKey, target, pullQuery));
  return (target === 'syncCheck' ? row.syncCheckPublished : row.rsyncPublished) !== 0;
}

/** @param endQuery stores sizes and error, in columns of its choice: then only the counts tell */
export async function wasFinished(
  db: Kysely<StateTables>,
  work: SubfolderWork,
  dirKey: string,
  outcome: WorkOutcome,
  endQuery: SqlTemplate | undefined,
): Promise<boolean> {
  const row = await unheldRow(db, dirKey);
  if (row === undefined || row.syncCheckInProgress !== 0 || row.rsyncInProgress !== 0) return false;
  return Object.entries(outcomeColumns(work, outcome)).every(
    ([column, value]) =>
      (endQuery !== undefined && OVERRIDDEN_COLUMNS.has(column)) || row[column as keyof typeof row] === value,
  );
}

/** What an `end_query` decides about. */
const OVERRIDDEN_COLUMNS: ReadonlySet<string> = new Set([
  's3Size',
  'gcsSize',
  'syncCheckError',
  'rsyncError',
  'rsyncPublished',
]);

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
