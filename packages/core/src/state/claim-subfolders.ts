import { type Kysely, type Selectable, sql } from 'kysely';
import { beyondEveryLease } from '../domain/lease-length.ts';
import type { ClaimRequest, ClaimTarget, SubfolderLease } from '../ports/state-store.ts';
import { claimIndexOf, isDue } from './claim-targets.ts';
import { isFree } from './hold-subfolder.ts';
import type { SqlTemplate } from '../config/sql-template.ts';
import { pullCandidates, pulledAmong } from './query-overrides.ts';
import type { StateTables } from './state-tables.ts';

/** How many candidates one looks at who has lost races for them. */
const MAX_SPREAD = 1000;
/** Rows of a `pull_query` that are looked at in one statement. It may yield millions, and a statement binds 65,535 values. */
const CHUNK_ROWS = 500;

/**
 * Takes rows that wait for a publisher and whose lease is none or has run out.
 *
 * Reads candidates off the index, then takes them by one UPDATE that asks the same again: a row that somebody else took
 * in between is not counted, and who got none of the candidates looks further. Where the database can, others' candidates
 * are passed over in the first place. Only a look that passes nothing over can say that there are none. Leases of a clock that was
 * set back since are looked for last, unless a `pull_query` names the rows: then they are seen with the others.
 */
export async function claimSubfolders(
  db: Kysely<StateTables>,
  request: LeaseRequest,
  now: number,
  { skipsLocked, pullQuery, forcesIndex }: ClaimWays,
): Promise<readonly SubfolderLease[]> {
  let skipping = skipsLocked && pullQuery === undefined;
  for (let lost = 0; ;) {
    const { found, taken } = await db
      .transaction()
      .execute((transaction) => take(transaction, request, now, { skipping, lost, pullQuery, forcesIndex }));
    if (taken.length > 0) {
      const expiresAt = new Date(now + request.leaseMs);
      return taken.map((dirKey) => ({ dirKey, leaseOwner: request.leaseOwner, expiresAt }));
    }
    if (found > 0) lost++;
    else if (skipping) skipping = false;
    else if (pullQuery !== undefined || !(await freeStray(db, request.target ?? 'objects', now, forcesIndex)))
      return [];
  }
}

interface ClaimWays {
  /** See `KyselyStateStoreOptions`. */
  readonly skipsLocked: boolean;
  readonly forcesIndex: boolean;
  /** Asks for the rows, in place of the built-in statement. */
  readonly pullQuery?: SqlTemplate | undefined;
}

/** A claim with its own name, see `createLeaseOwner`. */
type LeaseRequest = ClaimRequest & { readonly leaseOwner: string };

/**
 * A check or repair whose lease has run out died with it: its mark goes, as nothing would be left to tell it from a mark
 * that was set by hand, once this lease ends. A mark without any lease is one of those and stays.
 */
async function take(
  db: Kysely<StateTables>,
  request: LeaseRequest,
  now: number,
  look: Omit<ClaimWays, 'skipsLocked'> & { readonly skipping: boolean; readonly lost: number },
): Promise<{ readonly found: number; readonly taken: readonly string[] }> {
  const { leaseOwner, limit, target = 'objects' } = request;
  // Those who lose a race would meet again at the next rows: they spread out.
  const spread = Math.min(limit * 2 ** look.lost, Math.max(limit, MAX_SPREAD));
  const { pullQuery, forcesIndex } = look;
  const candidates =
    pullQuery === undefined
      ? await claimableSubfolders(db, target, now, spread, forcesIndex)
          .$if(look.skipping, (query) => query.forUpdate().skipLocked())
          .execute()
      : await pulledSubfolders(db, target, pullQuery, now, forcesIndex);
  const keys = someOf(candidates, limit).map(({ dirKey }) => dirKey);
  if (keys.length === 0) return { found: 0, taken: [] };
  const { numUpdatedRows } = await db
    .updateTable('subfolders')
    .set((eb) => ({
      // Before leaseOwner: MySQL assigns from left to right and reads what it has just assigned.
      syncCheckInProgress: eb
        .case()
        .when('leaseOwner', 'is', null)
        .then(eb.ref('syncCheckInProgress'))
        .else(eb.lit(0))
        .end(),
      rsyncInProgress: eb.case().when('leaseOwner', 'is', null).then(eb.ref('rsyncInProgress')).else(eb.lit(0)).end(),
      leaseOwner,
      leaseExpiresAt: now + request.leaseMs,
    }))
    .where('dirKey', 'in', keys)
    .where((eb) =>
      pullQuery === undefined ? eb.and([isDue(eb, target), eb('leaseExpiresAt', '<=', now)]) : isFree(eb, now),
    )
    .executeTakeFirst();
  if (Number(numUpdatedRows) === keys.length) return { found: keys.length, taken: keys };
  const held = await db.selectFrom('subfolders').select('dirKey').where('leaseOwner', '=', leaseOwner).execute();
  return { found: keys.length, taken: held.map(({ dirKey }) => dirKey) };
}

/**
 * What a `pull_query` asks for and nobody holds, locked. It knows of no leases: its LIMIT is raised by the rows that others
 * hold, and by those that they took while it ran, as it would find nothing but them.
 */
async function pulledSubfolders(
  db: Kysely<StateTables>,
  target: ClaimTarget,
  pullQuery: SqlTemplate,
  now: number,
  forcesIndex: boolean,
) {
  for (let held = await countHeldUnpublished(db, target, now, forcesIndex); ;) {
    const pulled = await pullCandidates(db, pullQuery, held);
    const free = await firstWaiting(db, pullQuery, pulled, now);
    if (free.length > 0 || pulled.length <= held) return free;
    held = pulled.length;
  }
}

/** The first of these that are free, as many as are found together. */
async function firstWaiting(db: Kysely<StateTables>, pullQuery: SqlTemplate, pulled: readonly string[], now: number) {
  for (let start = 0; start < pulled.length; start += CHUNK_ROWS) {
    const free = await stillWaiting(db, pullQuery, pulled.slice(start, start + CHUNK_ROWS), now);
    if (free.length > 0) return free;
  }
  return [];
}

/** Locks those that are free, and asks for them once more: others may have published them since they were pulled. */
async function stillWaiting(db: Kysely<StateTables>, pullQuery: SqlTemplate, pulled: readonly string[], now: number) {
  const free = await db
    .selectFrom('subfolders')
    .select('dirKey')
    .where('dirKey', 'in', pulled)
    .where((eb) => isFree(eb, now))
    .forUpdate()
    .execute();
  if (free.length === 0) return [];
  const waiting = await pulledAmong(
    db,
    pullQuery,
    free.map(({ dirKey }) => dirKey),
  );
  return free.filter(({ dirKey }) => waiting.has(dirKey));
}

/** A run of these, beginning anywhere. */
function someOf<T>(items: readonly T[], limit: number): readonly T[] {
  const start = Math.floor(Math.random() * (Math.max(0, items.length - limit) + 1));
  return items.slice(start, start + limit);
}

/**
 * Ends leases that are {@link beyondEveryLease}. In two statements: an UPDATE could choose another index, and lock all that is in it.
 * @returns whether there were any
 */
async function freeStray(
  db: Kysely<StateTables>,
  target: ClaimTarget,
  now: number,
  forcesIndex: boolean,
): Promise<boolean> {
  const latest = beyondEveryLease(now);
  const stray = await db
    .selectFrom(subfoldersBy(target, forcesIndex))
    .select('dirKey')
    .where((eb) => isDue(eb, target))
    .where('leaseExpiresAt', '>', latest)
    .limit(CHUNK_ROWS)
    .execute();
  if (stray.length === 0) return false;
  const keys = stray.map(({ dirKey }) => dirKey);
  // Kept is whose it was: the next one to take it cleans up after that one.
  await db
    .updateTable('subfolders')
    .set({ leaseExpiresAt: now })
    .where('dirKey', 'in', keys)
    .where('leaseExpiresAt', '>', latest)
    .execute();
  return true;
}

/** Those that a claim leaves to their holders. Few: an index has them beside those that can be claimed. */
export async function countHeldUnpublished(
  db: Kysely<StateTables>,
  target: ClaimTarget,
  now: number,
  forcesIndex: boolean,
): Promise<number> {
  const { held } = await db
    .selectFrom(subfoldersBy(target, forcesIndex))
    .select((eb) => eb.fn.countAll<number | string>().as('held'))
    .where((eb) => isDue(eb, target))
    .where('leaseExpiresAt', '>', now)
    .executeTakeFirstOrThrow();
  return Number(held);
}

/** The query that a claim costs: it must be answered from an index alone, at any size of the table. */
function claimableSubfolders(
  db: Kysely<StateTables>,
  target: ClaimTarget,
  now: number,
  limit: number,
  forcesIndex: boolean,
) {
  return (
    db
      .selectFrom(subfoldersBy(target, forcesIndex))
      .select('dirKey')
      .where((eb) => isDue(eb, target))
      .where('leaseExpiresAt', '<=', now)
      // Within the same time, the index has them by dirKey.
      .orderBy('leaseExpiresAt')
      .limit(limit)
  );
}

/** The table, under its own name: an index hint comes after the alias. */
function subfoldersBy(target: ClaimTarget, forcesIndex: boolean) {
  const table = sql.table('subfolders');
  const hint = sql.raw(forcesIndex ? `force index (${claimIndexOf(target)})` : '');
  return sql<Selectable<StateTables['subfolders']>>`${table}`.as<'subfolders'>(sql`${table} ${hint}`);
}
