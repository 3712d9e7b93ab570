import type { ExpressionBuilder, Expression, SqlBool } from 'kysely';
import type { ClaimTarget } from '../ports/state-store.ts';
import type { StateTables } from './state-tables.ts';

/** Which rows wait for a publisher: two columns and what they hold then, and the index that begins with them. */
interface TargetRows {
  readonly index: string;
  readonly due: readonly (readonly [DueColumn, 0 | 1 | 2])[];
}

type DueColumn =
  | 'initialTransfer'
  | 'cdnTransferPublished'
  | 'checkDue'
  | 'syncCheckPublished'
  | 'repairDue'
  | 'rsyncPublished';

const CLAIM_TARGETS: Readonly<Record<ClaimTarget, TargetRows>> = {
  objects: {
    index: 'to_publish',
    due: [
      ['initialTransfer', 1],
      ['cdnTransferPublished', 0],
    ],
  },
  syncCheck: {
    index: 'to_check',
    due: [
      ['checkDue', 1],
      ['syncCheckPublished', 0],
    ],
  },
  rsync: {
    index: 'to_repair',
    due: [
      ['repairDue', 2],
      ['rsyncPublished', 0],
    ],
  },
  rsyncExtras: {
    index: 'to_repair',
    due: [
      ['repairDue', 1],
      ['rsyncPublished', 0],
    ],
  },
};

export function claimIndexOf(target: ClaimTarget): string {
  return CLAIM_TARGETS[target].index;
}

/** Literals, so that SQLite's planner sees that a partial index holds these rows. */
export function isDue(eb: ExpressionBuilder<StateTables, 'subfolders'>, target: ClaimTarget): Expression<SqlBool> {
  return eb.and(CLAIM_TARGETS[target].due.map(([column, value]) => eb(column, '=', eb.lit(value))));
}
