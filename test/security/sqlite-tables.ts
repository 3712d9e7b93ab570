import { DatabaseSync } from 'node:sqlite';

/** What a state file holds, seen by another program. */
export interface SqliteTables {
  /** Name and definition of everything in it. */
  readonly schema: readonly Readonly<Record<string, unknown>>[];
  readonly dirKeys: readonly string[];
}

/** @throws Error where the file is damaged */
export function readSqliteTables(file: string): SqliteTables {
  using database = new DatabaseSync(file, { readOnly: true });
  const [check] = database.prepare('PRAGMA integrity_check').all();
  if (check?.['integrity_check'] !== 'ok') throw new Error(`${file} is damaged: ${JSON.stringify(check)}`);
  return {
    schema: database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all(),
    dirKeys: database
      .prepare('SELECT dir_key AS dirKey FROM object_transfer_state ORDER BY dir_key')
      .all()
      .map(({ dirKey }) => String(dirKey)),
  };
}
