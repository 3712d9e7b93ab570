import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { StateTables } from './state-tables.ts';

/** Rows of one statement. */
const CHUNK_ROWS = 1000;

/**
 * Adds the rows that are not there yet in one transaction: all of them or none.
 *
 * Known rows are looked up first: the statement that would skip them is different in every dialect, and MySQL's
 * (`INSERT IGNORE`) also turns errors, such as a key that is too long, into silence.
 */
export async function addSubfolders(db: Kysely<StateTables>, dirKeys: readonly string[]): Promise<number> {
  if (dirKeys.length === 0) return 0;
  return db.transaction().execute(async (transaction) => {
    let added = 0;
    for (const chunk of chunksOf(dirKeys)) {
      const missing = await missingSubfolders(transaction, chunk);
      if (missing.length > 0) {
        await transaction
          .insertInto('subfolders')
          .values(missing.map((dirKey) => ({ dirKey })))
          .execute();
      }
      added += missing.length;
      await nextTurn();
    }
    return added;
  });
}

export async function countNewSubfolders(db: Kysely<StateTables>, dirKeys: readonly string[]): Promise<number> {
  let count = 0;
  for (const chunk of chunksOf([...new Set(dirKeys)])) {
    count += (await missingSubfolders(db, chunk)).length;
    await nextTurn();
  }
  return count;
}

/** Which of these are no rows yet, each once. */
async function missingSubfolders(db: Kysely<StateTables>, dirKeys: readonly string[]): Promise<readonly string[]> {
  const known = await db.selectFrom('subfolders').select('dirKey').where('dirKey', 'in', dirKeys).execute();
  const missing = new Set(dirKeys);
  for (const { dirKey } of known) missing.delete(dirKey);
  return [...missing];
}

function* chunksOf(dirKeys: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < dirKeys.length; start += CHUNK_ROWS) yield dirKeys.slice(start, start + CHUNK_ROWS);
}
