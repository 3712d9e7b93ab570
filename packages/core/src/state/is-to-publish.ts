import type { Kysely } from 'kysely';
import type { SqlTemplate } from '../config/sql-template.ts';
import type { ClaimTarget } from '../ports/state-store.ts';
import { isDue } from './claim-targets.ts';
import { pulledAmong } from './query-overrides.ts';
import type { StateTables } from './state-tables.ts';

/** True where the row is one of those that publishers look for, whoever holds it. @param pullQuery says which those are */
export async function isToPublish(
  db: Kysely<StateTables>,
  dirKey: string,
  target: ClaimTarget,
  pullQuery: SqlTemplate | undefined,
): Promise<boolean> {
  if (pullQuery !== undefined) return (await pulledAmong(db, pullQuery, [dirKey])).has(dirKey);
  const row = await db
    .selectFrom('subfolders')
    .select('dirKey')
    .where('dirKey', '=', dirKey)
    .where((eb) => isDue(eb, target))
    .executeTakeFirst();
  return row !== undefined;
}
