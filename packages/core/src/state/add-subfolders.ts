import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { ConfigurationError } from '../domain/errors.ts';
import type { SqlTemplate } from '../config/sql-template.ts';
import { demandOverride } from './query-overrides.ts';
import { refuseOverlaps } from './refuse-overlaps.ts';
import type { StateTables } from './state-tables.ts';

/** Rows of one statement. MariaDB joins longer lists as tables, instead of looking them up. */
const CHUNK_ROWS = 500;

/** The control whose row those who add subfolders lock, and whose value is the last of them and what it added. */
const LAST_ADDED = 'subfolders added last';

/**
 * Adds the rows that are not there yet in one transaction: all of them or none.
 *
 * Known rows are looked up first: the statement that would skip them is different in every dialect, and MySQL's
 * (`INSERT IGNORE`) also turns errors, such as a key that is too long, into silence.
 * @param operation names this call, for {@link findAdded}
 * @param insertQuery adds one row, in place of the built-in statement
 * @throws ConfigurationError `CONFIG_DUMP_FILE_FORMAT` where a new row and one that is there lie within each other
 */
export async function addSubfolders(
  db: Kysely<StateTables>,
  dirKeys: readonly string[],
  operation: string,
  now: number,
  insertQuery?: SqlTemplate,
): Promise<number> {
  if (dirKeys.length === 0) return 0;
  return db.transaction().execute(async (transaction) => {
    // One at a time: rows that nobody else sees yet could lie within these.
    await noteAdded(transaction, { operation, added: 0 }, now);
    const missing = await newSubfolders(transaction, dirKeys);
    for (const chunk of chunksOf(missing)) {
      if (insertQuery === undefined) {
        await transaction
          .insertInto('subfolders')
          .values(chunk.map((dirKey) => ({ dirKey })))
          .execute();
      } else {
        for (const dirKey of chunk) await demandOverride(transaction, 'insert_query', insertQuery, [dirKey]);
      }
      await nextTurn();
    }
    await noteAdded(transaction, { operation, added: missing.length }, now);
    return missing.length;
  });
}

/** @returns how many rows this call added, where it was committed and is the last one that was; else `undefined` */
export async function findAdded(db: Kysely<StateTables>, operation: string): Promise<number | undefined> {
  const row = await db.selectFrom('controls').select('value').where('name', '=', LAST_ADDED).executeTakeFirst();
  if (row === undefined) return undefined;
  const last = JSON.parse(row.value) as LastAdded;
  return last.operation === operation ? last.added : undefined;
}

/** @throws ConfigurationError `CONFIG_DUMP_FILE_FORMAT` that names the first key that no row can have */
export function refuseLongKeys(dirKeys: readonly string[], maxCharacters: number): void {
  for (const dirKey of dirKeys) {
    // A character has one or two of JavaScript's code units.
    if (dirKey.length <= maxCharacters || Array.from(dirKey).length <= maxCharacters) continue;
    throw new ConfigurationError(
      'CONFIG_DUMP_FILE_FORMAT',
      `${JSON.stringify(dirKey)} is longer than the ${maxCharacters} characters that the state's database has room for`,
      { op: 'addSubfolders', source: dirKey },
    );
  }
}

interface LastAdded {
  readonly operation: string;
  readonly added: number;
}

async function noteAdded(db: Kysely<StateTables>, last: LastAdded, now: number): Promise<void> {
  const row = { value: JSON.stringify(last), updatedAt: now };
  const { numUpdatedRows } = await db
    .updateTable('controls')
    .set(row)
    .where('name', '=', LAST_ADDED)
    .executeTakeFirst();
  if (numUpdatedRows === 0n)
    await db
      .insertInto('controls')
      .values({ name: LAST_ADDED, ...row })
      .execute();
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
