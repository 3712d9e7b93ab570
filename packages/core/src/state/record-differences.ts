import type { Kysely } from 'kysely';
import { differenceKindOf } from '../domain/difference-codes.ts';
import type { ObjectErrorRecord, SubfolderLease } from '../ports/state-store.ts';
import { demandLease } from './hold-subfolder.ts';
import { listOpenObjectErrors } from './object-errors.ts';
import type { StateTables } from './state-tables.ts';

/** Keys of one statement. */
const CHUNK_KEYS = 500;

/**
 * Opens an error for each object that has none. Why a transfer failed says more than that the object is not there: such an
 * error stays what it is, and is noted as seen. One that an earlier comparison left gives way where another is true now.
 * @param lease the comparison's
 * @param differences of its subfolder, each key once
 * @throws StateError `STATE_LEASE_LOST`: somebody else compares the subfolder, or has
 */
export async function recordDifferences(
  db: Kysely<StateTables>,
  lease: SubfolderLease,
  differences: readonly ObjectErrorRecord[],
  now: number,
): Promise<void> {
  for (let start = 0; start < differences.length; start += CHUNK_KEYS) {
    const chunk = differences.slice(start, start + CHUNK_KEYS);
    await db.transaction().execute(async (transaction) => {
      await demandLease(transaction, 'recordDifferences', lease, now);
      await recordChunk(transaction, lease.dirKey, chunk, now);
    });
  }
}

async function recordChunk(
  db: Kysely<StateTables>,
  dirKey: string,
  chunk: readonly ObjectErrorRecord[],
  now: number,
): Promise<void> {
  const keys = chunk.map(({ key }) => key);
  const known = await db
    .selectFrom('objectErrors')
    .select(['objectKey', 'code', 'resolvedAt'])
    .where('dirKey', '=', dirKey)
    .where('objectKey', 'in', keys)
    .execute();
  const codes = new Map(chunk.map(({ key, code }) => [key, code]));
  const stays = ({ objectKey, code, resolvedAt }: (typeof known)[number]): boolean =>
    resolvedAt === null && (differenceKindOf(code) === undefined || code === codes.get(objectKey));
  const open = known.filter(stays).map(({ objectKey }) => objectKey);
  const outdated = new Set(known.filter((error) => !stays(error)).map(({ objectKey }) => objectKey));
  if (open.length > 0) {
    await db
      .updateTable('objectErrors')
      .set({ lastSeenAt: now })
      .where('dirKey', '=', dirKey)
      .where('objectKey', 'in', open)
      .execute();
  }
  // One statement for all that say the same. Not deleted and added again: that would take one more right.
  const reopened = Map.groupBy(
    chunk.filter(({ key }) => outdated.has(key)),
    ({ code, message, attempts }) => JSON.stringify([code, message, attempts]),
  );
  for (const same of reopened.values()) {
    const [first] = same;
    if (first === undefined) continue;
    const { code, message, attempts } = first;
    await db
      .updateTable('objectErrors')
      .set({ code, message, attempts, firstSeenAt: now, lastSeenAt: now, resolvedAt: null })
      .where('dirKey', '=', dirKey)
      .where(
        'objectKey',
        'in',
        same.map(({ key }) => key),
      )
      .execute();
  }
  const isKnown = new Set(known.map(({ objectKey }) => objectKey));
  const fresh = chunk.filter(({ key }) => !isKnown.has(key));
  if (fresh.length === 0) return;
  await db
    .insertInto('objectErrors')
    .values(
      fresh.map(({ key, code, message, attempts }) => ({
        dirKey,
        objectKey: key,
        code,
        message,
        attempts,
        firstSeenAt: now,
        lastSeenAt: now,
      })),
    )
    .execute();
}

/**
 * Closes the open errors of a subfolder that were last seen before: a complete comparison has met all that still hold. There
 * may be millions, once a whole folder was missing: no statement touches more of them than it can in moments.
 * @param lease as in {@link recordDifferences}
 */
export async function resolveUnseenErrors(
  db: Kysely<StateTables>,
  lease: SubfolderLease,
  seenBefore: Date,
  now: number,
): Promise<number> {
  const { dirKey } = lease;
  let resolved = 0;
  for (let afterKey: string | undefined; ;) {
    const page = await listOpenObjectErrors(db, { dirKey, afterKey, limit: CHUNK_KEYS });
    const unseen = page.filter(({ lastSeen }) => lastSeen < seenBefore).map(({ key }) => key);
    if (unseen.length > 0) {
      const { numUpdatedRows } = await db.transaction().execute(async (transaction) => {
        await demandLease(transaction, 'resolveUnseenErrors', lease, now);
        return transaction
          .updateTable('objectErrors')
          .set({ resolvedAt: now })
          .where('dirKey', '=', dirKey)
          .where('objectKey', 'in', unseen)
          .where('resolvedAt', 'is', null)
          .where('lastSeenAt', '<', seenBefore.getTime())
          .executeTakeFirst();
      });
      resolved += Number(numUpdatedRows);
    }
    if (page.length < CHUNK_KEYS) return resolved;
    afterKey = page.at(-1)?.key;
  }
}
