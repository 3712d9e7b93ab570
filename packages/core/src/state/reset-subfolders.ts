import type { ExpressionBuilder, Kysely } from 'kysely';
import type { SubfolderReset } from '../ports/state-store.ts';
import { NOT_HELD } from './hold-subfolder.ts';
import type { StateTables } from './state-tables.ts';

function resetColumns(reset: SubfolderReset, eb: ExpressionBuilder<StateTables, 'subfolders'>) {
  switch (reset) {
    case 'objects':
      return { initialTransfer: 1, cdnTransferPublished: 0, objectsPublished: 0, bytesPublished: 0 } as const;
    case 'syncCheck':
      return {
        syncCheckPublished: 0,
        syncCheckInProgress: 0,
        // What could not be compared is due again. Before syncCheckError: MySQL assigns from left to right.
        syncCheckFrequency: eb
          .case()
          .when('syncCheckError', 'is', null)
          .then(eb.ref('syncCheckFrequency'))
          .else(eb.lit(0))
          .end(),
        syncCheckError: null,
      } as const;
    case 'rsync':
      return { rsyncPublished: 0, rsyncInProgress: 0, rsyncAttempts: 0, rsyncError: null } as const;
  }
}

/** Whose lease stays: work of another kind is none of this reset's business, and its mark without a lease would stay for ever. */
const OTHER_WORK = {
  objects: ['syncCheckInProgress', 'rsyncInProgress'],
  syncCheck: ['rsyncInProgress'],
  rsync: ['syncCheckInProgress'],
} as const satisfies Readonly<Record<SubfolderReset, readonly string[]>>;

function freedColumns(reset: SubfolderReset, eb: ExpressionBuilder<StateTables, 'subfolders'>) {
  const isOthers = eb.or(OTHER_WORK[reset].map((mark) => eb(mark, '<>', 0)));
  return {
    leaseOwner: eb.case().when(isOthers).then(eb.ref('leaseOwner')).else(NOT_HELD.leaseOwner).end(),
    leaseExpiresAt: eb.case().when(isOthers).then(eb.ref('leaseExpiresAt')).else(NOT_HELD.leaseExpiresAt).end(),
  };
}

/** Keys of one statement. */
const CHUNK_KEYS = 500;

/**
 * Makes rows due again, whoever holds them for that: a worker that lives finds its lease gone and stores nothing.
 * @returns how many of the keys have a row
 */
export async function resetSubfolders(
  db: Kysely<StateTables>,
  reset: SubfolderReset,
  dirKeys: readonly string[],
): Promise<number> {
  let rows = 0;
  for (let start = 0; start < dirKeys.length; start += CHUNK_KEYS) {
    const { numUpdatedRows } = await db
      .updateTable('subfolders')
      .set((eb) => ({ ...freedColumns(reset, eb), ...resetColumns(reset, eb) }))
      .where('dirKey', 'in', dirKeys.slice(start, start + CHUNK_KEYS))
      .executeTakeFirst();
    rows += Number(numUpdatedRows);
  }
  return rows;
}

/** Ends what somebody does to a row, with the marks of it. @returns false where nobody did anything, or there is no row */
export async function abandonSubfolder(db: Kysely<StateTables>, dirKey: string): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('subfolders')
    .set({ ...NOT_HELD, syncCheckInProgress: 0, rsyncInProgress: 0 })
    .where('dirKey', '=', dirKey)
    .where((eb) =>
      eb.or([eb('leaseOwner', 'is not', null), eb('syncCheckInProgress', '<>', 0), eb('rsyncInProgress', '<>', 0)]),
    )
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}
