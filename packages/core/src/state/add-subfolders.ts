import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { refuseOverlaps } from './refuse-overlaps.ts';
import type { StateTables } from './state-tables.ts';

/** Rows of one statement. */
const CHUNK_ROWS = 1000;

/**
 * Adds the rows that are not there yet in one transaction: all of them or none.
 *
 * Known rows are looked up first: the statement that would skip them is different in every dialect, and MySQL's
 * (`INSERT IGNORE`) also turns errors, such as a key that is too long, into silence.
 * @throws ConfigurationError `CONFIG_DUMP_FILE_FORMAT` where a new row and one that is there lie within each other
 */
export async function addSubfolders(db: Kysely<StateTables>, dirKeys: readonly string[]): Promise<number> {
  if (dirKeys.length === 0) return 0;
  return db.transaction().execute(async (transaction) => {
    const missing = await newSubfolders(transaction, dirKeys);
    for (const chunk of chunksOf(missing)) {
      await transaction
        .insertInto('subfolders')
        .values(chunk.map((dirKey) => ({ dirKey })))
        .execute();
      await nextTurn();
    }
    return missing.length;
  });
}

/** @throws ConfigurationError as {@link addSubfolders} */
export async function countNewSubfolders(db: Kysely<StateTables>, dirKeys: readonly string[]): Promise<number> {
  return (await newSubfolders(db, dirKeys)).length;
}

/** Which of these are no rows yet, each once. */
async function newSubfolders(db: Kysely<StateTables>, dirKeys: readonly string[]): Promise<readonly string[]> {
  const missing = new Set(dirKeys);
  for (const chunk of chunksOf([...missing])) {
    const known = await db.selectFrom('subfolders').select('dirKey').where('dirKey', 'in', chunk).execute();
    for (const { dirKey } of known) missing.delete(dirKey);
    await nextTurn();
  }
  await refuseOverlaps(db, [...missing]);
  return [...missing];
}

function* chunksOf(dirKeys: readonly string[]): Generator<readonly string[]> {
  for (let start = 0; start < dirKeys.length; start += CHUNK_ROWS) yield dirKeys.slice(start, start + CHUNK_ROWS);
}
