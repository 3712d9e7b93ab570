import type { Kysely } from 'kysely';
import type { CheckFigures } from '../domain/subfolder.ts';
import type { SubfolderLease } from '../ports/state-store.ts';
import { NOT_HELD, updateHeld } from './hold-subfolder.ts';
import type { SqlTemplate } from '../config/sql-template.ts';
import { demandOverride, runOverride } from './query-overrides.ts';
import type { StateTables } from './state-tables.ts';
import { utcDateTime } from './utc-date-time.ts';

/** Where `sync_check_frequency` stops: the reference's column is a TINYINT UNSIGNED. */
const MAX_FREQUENCY = 255;

/**
 * Marks the row as being checked and takes its lease. A mark whose lease has run out is a dead worker's and is taken over;
 * a mark without any lease was set by hand or by the reference tool, which alone know whether it still holds.
 * @param startQuery marks the row, in place of the built-in statement
 */
export async function startSyncCheck(
  db: Kysely<StateTables>,
  request: { readonly dirKey: string; readonly leaseOwner: string; readonly leaseMs: number },
  now: number,
  startQuery?: SqlTemplate,
): Promise<SubfolderLease | undefined> {
  if (startQuery === undefined) {
    return takeForCheck(db, request, now, { syncCheckInProgress: 1, syncCheckLastStart: utcDateTime(now) });
  }
  return db.transaction().execute(async (transaction) => {
    const lease = await takeForCheck(transaction, request, now, { syncCheckInProgress: 0 });
    if (lease === undefined) return undefined;
    if (await runOverride(transaction, 'start_query', startQuery, [utcDateTime(now), request.dirKey])) return lease;
    // The statement has conditions of its own, which this row does not meet.
    await updateHeld(transaction, lease, now).set(NOT_HELD).execute();
    return undefined;
  });
}

/** Takes the lease of a row that is free for a check, and sets its marks. */
async function takeForCheck(
  db: Kysely<StateTables>,
  request: { readonly dirKey: string; readonly leaseOwner: string; readonly leaseMs: number },
  now: number,
  marks: { readonly syncCheckInProgress: 0 | 1; readonly syncCheckLastStart?: string },
): Promise<SubfolderLease | undefined> {
  const { dirKey, leaseOwner } = request;
  const leaseExpiresAt = now + request.leaseMs;
  const { numUpdatedRows } = await db
    .updateTable('subfolders')
    .set({ ...marks, rsyncInProgress: 0, leaseOwner, leaseExpiresAt })
    .where('dirKey', '=', dirKey)
    .where('leaseExpiresAt', '<=', now)
    .where((eb) =>
      eb.or([
        eb.and([eb('syncCheckInProgress', '=', 0), eb('rsyncInProgress', '=', 0)]),
        eb('leaseOwner', 'is not', null),
      ]),
    )
    .executeTakeFirst();
  return numUpdatedRows === 1n ? { dirKey, leaseOwner, expiresAt: new Date(leaseExpiresAt) } : undefined;
}

/** @param endQuery stores sizes, error and the end, in place of the built-in statement */
export async function finishSyncCheck(
  db: Kysely<StateTables>,
  lease: SubfolderLease,
  result: CheckOutcome,
  now: number,
  endQuery?: SqlTemplate,
): Promise<boolean> {
  if (endQuery !== undefined) {
    return db.transaction().execute((transaction) => finishByQuery(transaction, lease, result, now, endQuery));
  }
  const { numUpdatedRows } = await updateHeld(db, lease, now)
    .where('syncCheckInProgress', '=', 1)
    .set((eb) => ({
      ...('figures' in result ? figureColumns(result.figures) : { syncCheckError: result.error }),
      syncCheckInProgress: 0,
      syncCheckLastEnd: utcDateTime(now),
      syncCheckFrequency: eb
        .case()
        .when('syncCheckFrequency', '<', MAX_FREQUENCY)
        .then(eb('syncCheckFrequency', '+', 1))
        .else(MAX_FREQUENCY)
        .end(),
      ...NOT_HELD,
    }))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

type CheckOutcome = { readonly figures: CheckFigures } | { readonly error: string };

/** A check that failed leaves the sizes of the one before. */
async function finishByQuery(
  db: Kysely<StateTables>,
  lease: SubfolderLease,
  result: CheckOutcome,
  now: number,
  endQuery: SqlTemplate,
): Promise<boolean> {
  const before = await db
    .selectFrom('subfolders')
    .select(['s3Size', 'gcsSize'])
    .where('dirKey', '=', lease.dirKey)
    .executeTakeFirst();
  const figures =
    'figures' in result ? figureColumns(result.figures) : { s3Size: before?.s3Size, gcsSize: before?.gcsSize };
  const { s3Size = 0, gcsSize = 0, ...counts } = figures;
  const { numUpdatedRows } = await updateHeld(db, lease, now)
    .set({ ...counts, ...NOT_HELD })
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return false;
  const error = 'figures' in result ? null : result.error;
  await demandOverride(db, 'end_query', endQuery, [s3Size, gcsSize, utcDateTime(now), error, lease.dirKey]);
  return true;
}

/** Ends a check that was broken off: but for `sync_check_last_start`, the row is what it was before. */
export async function releaseSyncCheck(db: Kysely<StateTables>, lease: SubfolderLease, now: number): Promise<boolean> {
  const { numUpdatedRows } = await updateHeld(db, lease, now)
    .where('syncCheckInProgress', '=', 1)
    .set({ syncCheckInProgress: 0, ...NOT_HELD })
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** What a check that found these figures leaves in the row. */
export function figureColumns(figures: CheckFigures) {
  return {
    s3Size: figures.s3SizeBytes,
    gcsSize: figures.gcsSizeBytes,
    s3ObjectCount: figures.s3ObjectCount,
    gcsObjectCount: figures.gcsObjectCount,
    missingCount: figures.missingCount,
    mismatchedCount: figures.mismatchedCount,
    extraCount: figures.extraCount,
    syncCheckError: null,
  };
}
