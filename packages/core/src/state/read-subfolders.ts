import { type Expression, type Kysely, type Selectable, sql, type SqlBool } from 'kysely';
import type { Subfolder } from '../domain/subfolder.ts';
import type { SubfolderCounts } from '../ports/state-store.ts';
import type { StateTables } from './state-tables.ts';
import { fromUtcDateTime } from './utc-date-time.ts';

const COLUMNS = [
  'dirKey',
  'initialTransfer',
  'cdnTransferPublished',
  'syncCheckPublished',
  'syncCheckInProgress',
  'syncCheckFrequency',
  'syncCheckLastStart',
  'syncCheckLastEnd',
  'syncCheckError',
  'rsyncPublished',
  'rsyncInProgress',
  'rsyncFrequency',
  'rsyncLastStart',
  'rsyncLastEnd',
  'rsyncError',
  'rsyncAttempts',
  's3Size',
  'gcsSize',
  's3ObjectCount',
  'gcsObjectCount',
  'missingCount',
  'mismatchedCount',
  'unprovenCount',
  'extraCount',
  'objectsPublished',
  'bytesPublished',
] as const;

export async function getSubfolder(db: Kysely<StateTables>, dirKey: string): Promise<Subfolder | undefined> {
  const row = await db.selectFrom('subfolders').select(COLUMNS).where('dirKey', '=', dirKey).executeTakeFirst();
  return row && toSubfolder(row);
}

export async function listSubfolders(
  db: Kysely<StateTables>,
  afterDirKey: string | undefined,
  limit: number,
): Promise<readonly Subfolder[]> {
  let query = db.selectFrom('subfolders').select(COLUMNS).orderBy('dirKey').limit(limit);
  if (afterDirKey !== undefined) query = query.where('dirKey', '>', afterDirKey);
  return (await query.execute()).map(toSubfolder);
}

/** Reads the whole table. The conditions are those of `subfolderStatus`, in SQL. */
export async function countSubfolders(db: Kysely<StateTables>, maxRsyncAttempts: number): Promise<SubfolderCounts> {
  const row = await db
    .selectFrom('subfolders')
    .select((eb) => {
      const checked = eb('syncCheckFrequency', '>', 0);
      const verified = eb.and([
        checked,
        eb('syncCheckError', 'is', null),
        eb('missingCount', '=', 0),
        eb('mismatchedCount', '=', 0),
        eb('unprovenCount', '=', 0),
        // Added and not subtracted: MySQL's numbers have no sign, and an error where they would need one.
        eb('gcsObjectCount', '=', eb('s3ObjectCount', '+', eb.ref('extraCount'))),
        eb.or([
          eb('gcsSize', '=', eb.ref('s3Size')),
          eb.and([eb('extraCount', '>', 0), eb('gcsSize', '>', eb.ref('s3Size'))]),
        ]),
      ]);
      const published = eb('cdnTransferPublished', '<>', 0);
      const unequal = eb.and([checked, eb.not(verified)]);
      const givenUp = eb.or([eb('syncCheckError', 'is not', null), eb('rsyncAttempts', '>=', maxRsyncAttempts)]);
      return [
        eb.fn.countAll<number | string>().as('total'),
        countWhere(eb.and([eb.not(checked), eb.not(published)])).as('waiting'),
        countWhere(eb.and([eb.not(checked), published])).as('published'),
        countWhere(checked).as('checked'),
        countWhere(eb.and([unequal, eb.not(givenUp)])).as('mismatched'),
        countWhere(eb.and([unequal, givenUp])).as('failed'),
        countWhere(verified).as('verified'),
        countWhere(eb.and([verified, eb('rsyncFrequency', '>', 0)])).as('repaired'),
        countWhere(eb('syncCheckInProgress', '<>', 0)).as('beingChecked'),
        countWhere(eb('rsyncInProgress', '<>', 0)).as('beingRepaired'),
        sumOf('objectsPublished').as('objectsPublished'),
        sumOf('bytesPublished').as('bytesPublished'),
      ];
    })
    .executeTakeFirstOrThrow();
  return {
    // MySQL's sums are decimals, which its driver gives as strings.
    total: Number(row.total),
    waiting: Number(row.waiting),
    published: Number(row.published),
    checked: Number(row.checked),
    mismatched: Number(row.mismatched),
    failed: Number(row.failed),
    verified: Number(row.verified),
    repaired: Number(row.repaired),
    beingChecked: Number(row.beingChecked),
    beingRepaired: Number(row.beingRepaired),
    objectsPublished: Number(row.objectsPublished),
    bytesPublished: Number(row.bytesPublished),
  };
}

function countWhere(condition: Expression<SqlBool>) {
  return sql<number | string>`coalesce(sum(case when ${condition} then 1 else 0 end), 0)`;
}

function sumOf(column: 'objectsPublished' | 'bytesPublished') {
  return sql<number | string>`coalesce(sum(${sql.ref(column)}), 0)`;
}

type SubfolderRow = Pick<Selectable<StateTables['subfolders']>, (typeof COLUMNS)[number]>;

function toSubfolder(row: SubfolderRow): Subfolder {
  return {
    dirKey: row.dirKey,
    // Whatever is not 0 is true, as in SQL: rows are written by hand, too.
    initialTransfer: row.initialTransfer !== 0,
    cdnTransferPublished: row.cdnTransferPublished !== 0,
    syncCheckPublished: row.syncCheckPublished !== 0,
    syncCheckInProgress: row.syncCheckInProgress !== 0,
    syncCheckFrequency: row.syncCheckFrequency,
    syncCheckLastStart: fromUtcDateTime(row.syncCheckLastStart),
    syncCheckLastEnd: fromUtcDateTime(row.syncCheckLastEnd),
    syncCheckError: row.syncCheckError ?? undefined,
    rsyncPublished: row.rsyncPublished !== 0,
    rsyncInProgress: row.rsyncInProgress !== 0,
    rsyncFrequency: row.rsyncFrequency,
    rsyncLastStart: fromUtcDateTime(row.rsyncLastStart),
    rsyncLastEnd: fromUtcDateTime(row.rsyncLastEnd),
    rsyncError: row.rsyncError ?? undefined,
    rsyncAttempts: row.rsyncAttempts,
    s3SizeBytes: row.s3Size,
    gcsSizeBytes: row.gcsSize,
    s3ObjectCount: row.s3ObjectCount,
    gcsObjectCount: row.gcsObjectCount,
    missingCount: row.missingCount,
    mismatchedCount: row.mismatchedCount,
    unprovenCount: row.unprovenCount,
    extraCount: row.extraCount,
    objectsPublished: row.objectsPublished,
    bytesPublished: row.bytesPublished,
  };
}
