import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { ConfigurationError } from '../domain/errors.ts';
import { compareUtf8 } from '../domain/key-mapping.ts';
import type { StateTables } from './state-tables.ts';

/** Keys of one statement. MariaDB joins longer lists as tables, instead of looking them up. */
const CHUNK_KEYS = 500;

/**
 * Holds new rows against those that are there: every row but the root's stands for all that is below it, so that of two
 * within each other the objects of the inner one would be transferred and counted twice.
 * @throws ConfigurationError `CONFIG_DUMP_FILE_FORMAT` that names both
 */
export async function refuseOverlaps(db: Kysely<StateTables>, newDirKeys: readonly string[]): Promise<void> {
  await refuseOuterRows(db, newDirKeys);
  await refuseInnerRows(db, newDirKeys);
}

/** Looks up the folders above each new row. A listing of the root has none. */
async function refuseOuterRows(db: Kysely<StateTables>, newDirKeys: readonly string[]): Promise<void> {
  const innerByOuter = new Map<string, string>();
  for (const dirKey of newDirKeys) {
    for (const outer of foldersAbove(dirKey)) innerByOuter.set(outer, dirKey);
  }
  const outers = [...innerByOuter.keys()];
  for (let start = 0; start < outers.length; start += CHUNK_KEYS) {
    const row = await db
      .selectFrom('subfolders')
      .select('dirKey')
      .where('dirKey', 'in', outers.slice(start, start + CHUNK_KEYS))
      .limit(1)
      .executeTakeFirst();
    if (row !== undefined) throw overlap(innerByOuter.get(row.dirKey) ?? '', row.dirKey, row.dirKey);
    await nextTurn();
  }
}

/**
 * Seeks the first row after each new one, which lies within it if any does. The row that one seek finds answers for all
 * new ones before it: an empty table costs one statement, and no table more than it has rows.
 */
async function refuseInnerRows(db: Kysely<StateTables>, newDirKeys: readonly string[]): Promise<void> {
  // The root's row, which sorts first, is within none, and none within it: it holds what lies directly under the root.
  let next = await firstRowAfter(db, '');
  if (next === undefined) return;
  for (const dirKey of newDirKeys.toSorted(compareUtf8)) {
    if (dirKey === '') continue;
    if (compareUtf8(next, dirKey) < 0) next = await firstRowAfter(db, dirKey);
    if (next === undefined) return;
    if (next.startsWith(dirKey)) throw overlap(next, dirKey, next);
  }
}

async function firstRowAfter(db: Kysely<StateTables>, dirKey: string): Promise<string | undefined> {
  await nextTurn();
  const row = await db
    .selectFrom('subfolders')
    .select('dirKey')
    .where('dirKey', '>', dirKey)
    .orderBy('dirKey')
    .limit(1)
    .executeTakeFirst();
  return row?.dirKey;
}

/** `a/b/c/` -> `a/`, `a/b/`. */
function* foldersAbove(dirKey: string): Generator<string> {
  const last = dirKey.length - 1;
  for (let slash = dirKey.indexOf('/'); slash !== -1 && slash < last; slash = dirKey.indexOf('/', slash + 1)) {
    yield dirKey.slice(0, slash + 1);
  }
}

function overlap(inner: string, outer: string, existing: string): ConfigurationError {
  return new ConfigurationError(
    'CONFIG_DUMP_FILE_FORMAT',
    `${JSON.stringify(inner)} lies within ${JSON.stringify(outer)}, and the state has ${JSON.stringify(existing)} already: name only one of them, or use another state`,
    { op: 'addSubfolders', source: inner === existing ? outer : inner },
  );
}
