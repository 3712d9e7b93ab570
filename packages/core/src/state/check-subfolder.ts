import type { Kysely } from 'kysely';
import type { CheckFigures } from '../domain/subfolder.ts';
import type { SubfolderLease } from '../ports/state-store.ts';
import { NOT_HELD, updateHeld } from './hold-subfolder.ts';
import type { StateTables } from './state-tables.ts';
import { utcDateTime } from './utc-date-time.ts';

/** Where `sync_check_frequency` stops: the reference's column is a TINYINT UNSIGNED. */
const MAX_FREQUENCY = 255;

/**
 * Marks the row as being checked and takes its lease. A mark whose lease has run out is a dead worker's and is taken over;
 * a mark without any lease was set by hand or by the reference tool, which alone know whether it still holds.
 */
export async function startSyncCheck(
  db: Kysely<StateTables>,
  request: { readonly dirKey: string; readonly leaseOwner: string; readonly leaseMs: number },
  now: number,
): Promise<SubfolderLease | undefined> {
  const { dirKey, leaseOwner } = request;
  const leaseExpiresAt = now + request.leaseMs;
  const { numUpdatedRows } = await db
    .updateTable('subfolders')
    .set({
      syncCheckInProgress: 1,
      rsyncInProgress: 0,
      syncCheckLastStart: utcDateTime(now),
      leaseOwner,
      leaseExpiresAt,
    })
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

export async function finishSyncCheck(
  db: Kysely<StateTables>,
  lease: SubfolderLease,
  result: { readonly figures: CheckFigures } | { readonly error: string },
  now: number,
): Promise<boolean> {
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
