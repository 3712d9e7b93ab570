import { ConfigurationError } from '../domain/errors.ts';
import type { EmbeddedDatabase } from './embedded-database.ts';
import { APPLICATION_ID } from './open-database-file.ts';

/** A step of a schema. Its number is its place in the list, from 1; the list only ever grows at its end. */
export interface SqliteMigration {
  readonly name: string;
  /** Any number of statements. */
  readonly sql: string;
}

/**
 * Brings a schema up to date, in one transaction; several processes may do so at once.
 * @param ledger the table that holds which migrations have been applied
 * @throws ConfigurationError `CONFIG_STATE_TOO_NEW` where a later version of this program has written the file
 */
export async function migrateSqlite(
  database: EmbeddedDatabase,
  ledger: string,
  migrations: readonly SqliteMigration[],
): Promise<void> {
  await database.write('migrate', () => {
    const { connection, file } = database;
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    connection.exec(
      `CREATE TABLE IF NOT EXISTS "${ledger}" (
         version INTEGER PRIMARY KEY,
         name TEXT NOT NULL,
         applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
       )`,
    );
    const row = connection.prepare(`SELECT coalesce(max(version), 0) AS version FROM "${ledger}"`).get();
    const current = Number(row?.['version']);
    if (current > migrations.length) throw tooNew(file, ledger, current, migrations.length);
    const note = connection.prepare(`INSERT INTO "${ledger}" (version, name) VALUES (?, ?)`);
    for (const [index, migration] of migrations.entries()) {
      if (index < current) continue;
      connection.exec(migration.sql);
      note.run(index + 1, migration.name);
    }
  });
}

function tooNew(file: string, ledger: string, found: number, known: number): ConfigurationError {
  return new ConfigurationError(
    'CONFIG_STATE_TOO_NEW',
    `state file ${file} has version ${found} (${ledger}), this program knows up to ${known}: use the newer program`,
    { op: 'openState', source: file },
  );
}
