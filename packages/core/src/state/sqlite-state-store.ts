import { Kysely } from 'kysely';
import { ConfigurationError } from '../domain/errors.ts';
import type { StateStore } from '../ports/state-store.ts';
import type { EmbeddedDatabase } from './embedded-database.ts';
import { EmbeddedDialect } from './embedded-dialect.ts';
import { KyselyStateStore } from './kysely-state-store.ts';
import { migrateSqlite } from './migrate-sqlite.ts';
import { toStateError } from './sqlite-errors.ts';
import { sqliteStateMigrations } from './sqlite-state-migrations.ts';
import { StateNamesPlugin, stateTableNames, type StateTables } from './state-tables.ts';

export interface SqliteStateStoreOptions {
  readonly table: string;
  readonly now: () => number;
}

/**
 * The state store in a state file, whose tables it creates or brings up to date.
 * @throws ConfigurationError `CONFIG_INVALID` (table name), `CONFIG_STATE_TOO_NEW`; StateError
 */
export async function createSqliteStateStore(
  database: EmbeddedDatabase,
  options: SqliteStateStoreOptions,
): Promise<StateStore> {
  const names = stateTableNames(options.table);
  if (/^(sqlite_|queue($|_))/i.test(options.table)) {
    throw new ConfigurationError(
      'CONFIG_INVALID',
      `the state table's name ${options.table} is taken by the state file`,
    );
  }
  await migrateSqlite(database, names.migrations, sqliteStateMigrations(names));
  const db = new Kysely<StateTables>({
    dialect: new EmbeddedDialect(database),
    plugins: [new StateNamesPlugin(names)],
  });
  return new KyselyStateStore({
    db,
    now: options.now,
    attempt: async (op, work) => {
      try {
        return await work(false);
      } catch (error) {
        throw toStateError(error, op, database.file);
      }
    },
    // A writer is alone from the beginning of its transaction.
    skipsLocked: false,
    forcesIndex: false,
    maxDirKeyCharacters: Infinity,
    close: database.share(),
  });
}
