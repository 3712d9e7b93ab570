import type { ExpressionBuilder, Kysely, Updateable } from 'kysely';
import { type CheckFigures, figuresMatch } from '../domain/subfolder.ts';
import type { SubfolderLease, WorkOutcome } from '../ports/state-store.ts';
import { isFree, NOT_HELD, updateHeld } from './hold-subfolder.ts';
import type { SqlTemplate } from '../config/sql-template.ts';
import { demandOverride, runOverride } from './query-overrides.ts';
import type { StateTables } from './state-tables.ts';
import { utcDateTime } from './utc-date-time.ts';

/*
 * What a worker does to a row: it marks it as being compared or repaired, works under a lease, and stores what it found.
 * Both are alike but for their columns, and a row is in one worker's hands at a time, whichever of the two it does.
 */

const WORK_COLUMNS = {
  syncCheck: {
    inProgress: 'syncCheckInProgress',
    lastStart: 'syncCheckLastStart',
    lastEnd: 'syncCheckLastEnd',
    frequency: 'syncCheckFrequency',
    error: 'syncCheckError',
  },
  rsync: {
    inProgress: 'rsyncInProgress',
    lastStart: 'rsyncLastStart',
    lastEnd: 'rsyncLastEnd',
    frequency: 'rsyncFrequency',
    error: 'rsyncError',
  },
} as const;

/** `syncCheck` compares, `rsync` repairs and compares. */
export type SubfolderWork = keyof typeof WORK_COLUMNS;

type SubfolderUpdate = Updateable<StateTables['subfolders']>;

/** Where the frequencies stop: the reference's columns are TINYINT UNSIGNED. */
const MAX_FREQUENCY = 255;

/**
 * Marks the row as being worked on and takes its lease. A mark whose lease has run out, or cannot be of this clock, is a dead worker's
 * and is taken over;
 * a mark without any lease was set by hand or by the reference tool, which alone know whether it still holds.
 * @param startQuery marks the row, in place of the built-in statement
 */
export async function startWork(
  db: Kysely<StateTables>,
  work: SubfolderWork,
  request: { readonly dirKey: string; readonly leaseOwner: string; readonly leaseMs: number },
  now: number,
  startQuery?: SqlTemplate,
): Promise<SubfolderLease | undefined> {
  const { inProgress, lastStart } = WORK_COLUMNS[work];
  const unmarked: SubfolderUpdate = { syncCheckInProgress: 0, rsyncInProgress: 0 };
  if (startQuery === undefined) {
    return takeForWork(db, request, now, { ...unmarked, [inProgress]: 1, [lastStart]: utcDateTime(now) });
  }
  return db.transaction().execute(async (transaction) => {
    const lease = await takeForWork(transaction, request, now, unmarked);
    if (lease === undefined) return undefined;
    if (await runOverride(transaction, 'start_query', startQuery, [utcDateTime(now), request.dirKey])) return lease;
    // The statement has conditions of its own, which this row does not meet.
    await updateHeld(transaction, lease, now).set(NOT_HELD).execute();
    return undefined;
  });
}

/** Takes the lease of a row that nobody works on, and sets its marks. */
async function takeForWork(
  db: Kysely<StateTables>,
  request: { readonly dirKey: string; readonly leaseOwner: string; readonly leaseMs: number },
  now: number,
  marks: SubfolderUpdate,
): Promise<SubfolderLease | undefined> {
  const { dirKey, leaseOwner } = request;
  const leaseExpiresAt = now + request.leaseMs;
  const { numUpdatedRows } = await db
    .updateTable('subfolders')
    .set({ ...marks, leaseOwner, leaseExpiresAt })
    .where('dirKey', '=', dirKey)
    .where((eb) => isFree(eb, now))
    .where((eb) =>
      eb.or([
        eb.and([eb('syncCheckInProgress', '=', 0), eb('rsyncInProgress', '=', 0)]),
        eb('leaseOwner', 'is not', null),
      ]),
    )
    .executeTakeFirst();
  return numUpdatedRows === 1n ? { dirKey, leaseOwner, expiresAt: new Date(leaseExpiresAt) } : undefined;
}

export interface FinishOptions {
  /** Repairs that do not help before the row is left for somebody to look at. */
  readonly maxRsyncAttempts: number;
  /** Stores sizes, error and the end, in place of the built-in statement. */
  readonly endQuery?: SqlTemplate | undefined;
}

/** @returns false where the lease was lost: nothing is stored */
export async function finishWork(
  db: Kysely<StateTables>,
  work: SubfolderWork,
  lease: SubfolderLease,
  outcome: WorkOutcome,
  now: number,
  { endQuery, maxRsyncAttempts }: FinishOptions,
): Promise<boolean> {
  if (endQuery !== undefined) {
    return db.transaction().execute((transaction) => finishByQuery(transaction, work, lease, outcome, now, endQuery));
  }
  const { inProgress, lastEnd, frequency } = WORK_COLUMNS[work];
  const { numUpdatedRows } = await updateHeld(db, lease, now)
    .where(inProgress, '=', 1)
    .set((eb) => {
      const once = eb
        .case()
        .when(frequency, '<', MAX_FREQUENCY)
        .then(eb(frequency, '+', 1))
        .else(MAX_FREQUENCY)
        .end();
      return {
        // Before the figures: MySQL assigns from left to right and reads what it has just assigned.
        ...repairColumns(eb, work, outcome, maxRsyncAttempts),
        ...outcomeColumns(work, outcome),
        [inProgress]: 0,
        [lastEnd]: utcDateTime(now),
        [frequency]: once,
        ...NOT_HELD,
      };
    })
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/**
 * Whether the row is repaired once more, where its outcome alone does not say it. A repair that did not help is published
 * again, as often as it may. So is one that was to delete what only the destination has, and left some of it: the row counts
 * as equal all the same, and without a bound the two modules would pass it to and fro for ever.
 */
function repairColumns(
  eb: ExpressionBuilder<StateTables, 'subfolders'>,
  work: SubfolderWork,
  outcome: WorkOutcome,
  maxRsyncAttempts: number,
) {
  const mayRepeat = eb
    .case()
    .when('rsyncAttempts', '<', maxRsyncAttempts - 1)
    .then(eb.lit(0))
    .else(eb.lit(1))
    .end();
  const oneMore = eb('rsyncAttempts', '+', 1);
  // Of all that was to be repaired, only extras were left before.
  const wasEqual = eb('repairDue', '=', 1);
  if (work === 'rsync') {
    if (!isEqual(outcome)) return { rsyncPublished: mayRepeat, rsyncAttempts: oneMore };
    if (!leavesExtras(outcome)) return {};
    return {
      rsyncPublished: eb.case().when(wasEqual).then(mayRepeat).else(eb.lit(0)).end(),
      rsyncAttempts: eb.case().when(wasEqual).then(oneMore).else(eb.lit(0)).end(),
    };
  }
  if (isEqual(outcome) || !('figures' in outcome)) return {};
  // Repairs that left extras are not held against what is missing now.
  return {
    rsyncPublished: eb.case().when(wasEqual).then(eb.lit(0)).else(eb.ref('rsyncPublished')).end(),
    rsyncAttempts: eb.case().when(wasEqual).then(eb.lit(0)).else(eb.ref('rsyncAttempts')).end(),
  };
}

/** Work that failed leaves the sizes of the one before. */
async function finishByQuery(
  db: Kysely<StateTables>,
  work: SubfolderWork,
  lease: SubfolderLease,
  outcome: WorkOutcome,
  now: number,
  endQuery: SqlTemplate,
): Promise<boolean> {
  const before = await db
    .selectFrom('subfolders')
    .select(['s3Size', 'gcsSize'])
    .where('dirKey', '=', lease.dirKey)
    .executeTakeFirst();
  const figures =
    'figures' in outcome ? figureColumns(outcome.figures) : { s3Size: before?.s3Size, gcsSize: before?.gcsSize };
  const { s3Size = 0, gcsSize = 0, ...counts } = figures;
  const { numUpdatedRows } = await updateHeld(db, lease, now)
    .set((eb) => ({
      ...counts,
      ...(isEqual(outcome)
        ? { rsyncAttempts: 0 }
        : work === 'rsync'
          ? { rsyncAttempts: eb('rsyncAttempts', '+', 1) }
          : {}),
      ...NOT_HELD,
    }))
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return false;
  const error = 'figures' in outcome ? null : outcome.error;
  await demandOverride(db, 'end_query', endQuery, [s3Size, gcsSize, utcDateTime(now), error, lease.dirKey]);
  return true;
}

/** Ends work that was broken off: but for the time of its start, the row is what it was before. */
export async function releaseWork(
  db: Kysely<StateTables>,
  work: SubfolderWork,
  lease: SubfolderLease,
  now: number,
): Promise<boolean> {
  const { inProgress } = WORK_COLUMNS[work];
  const { numUpdatedRows } = await updateHeld(db, lease, now)
    .where(inProgress, '=', 1)
    .set({ [inProgress]: 0, ...NOT_HELD })
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** What work with this outcome leaves in the row, but for what it counts. */
export function outcomeColumns(work: SubfolderWork, outcome: WorkOutcome) {
  if (!('figures' in outcome)) return { [WORK_COLUMNS[work].error]: outcome.error };
  return {
    ...figureColumns(outcome.figures),
    // A repair compares, too: what an earlier comparison failed of is over.
    syncCheckError: null,
    ...(work === 'rsync' ? { rsyncError: null } : {}),
    ...(isEqual(outcome) ? { rsyncError: null } : {}),
    // What is equal and is not any more, some night, is repaired anew.
    ...(isEqual(outcome) && !(work === 'rsync' && leavesExtras(outcome))
      ? { rsyncPublished: 0 as const, rsyncAttempts: 0 }
      : {}),
  };
}

function isEqual(outcome: WorkOutcome): boolean {
  return 'figures' in outcome && figuresMatch(outcome.figures);
}

function leavesExtras(outcome: WorkOutcome): boolean {
  return 'figures' in outcome && outcome.figures.extraCount > 0;
}

function figureColumns(figures: CheckFigures) {
  return {
    s3Size: figures.s3SizeBytes,
    gcsSize: figures.gcsSizeBytes,
    s3ObjectCount: figures.s3ObjectCount,
    gcsObjectCount: figures.gcsObjectCount,
    missingCount: figures.missingCount,
    mismatchedCount: figures.mismatchedCount,
    unprovenCount: figures.unprovenCount,
    extraCount: figures.extraCount,
  };
}
