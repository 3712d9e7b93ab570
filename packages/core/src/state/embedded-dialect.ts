import type { StatementSync } from 'node:sqlite';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { EmbeddedDatabase } from './embedded-database.ts';

/** kysely over an {@link EmbeddedDatabase}: a statement or a transaction has the connection to itself. */
export class EmbeddedDialect implements Dialect {
  readonly #database: EmbeddedDatabase;

  constructor(database: EmbeddedDatabase) {
    this.#database = database;
  }

  createDriver(): Driver {
    return new EmbeddedDriver(this.#database);
  }

  createQueryCompiler(): SqliteQueryCompiler {
    return new SqliteQueryCompiler();
  }

  createAdapter(): SqliteAdapter {
    return new SqliteAdapter();
  }

  createIntrospector(db: Kysely<unknown>): SqliteIntrospector {
    return new SqliteIntrospector(db);
  }
}

class EmbeddedDriver implements Driver {
  readonly #database: EmbeddedDatabase;

  constructor(database: EmbeddedDatabase) {
    this.#database = database;
  }

  async init(): Promise<void> {
    // The database is open already.
  }

  async acquireConnection(): Promise<EmbeddedConnection> {
    return new EmbeddedConnection(this.#database, await this.#database.acquire('connect'));
  }

  async beginTransaction(): Promise<void> {
    await this.#database.begin();
  }

  async commitTransaction(): Promise<void> {
    this.#database.commit();
  }

  async rollbackTransaction(): Promise<void> {
    this.#database.rollback();
  }

  async releaseConnection(connection: EmbeddedConnection): Promise<void> {
    connection.release();
  }

  async destroy(): Promise<void> {
    // The database belongs to whoever opened it.
  }
}

class EmbeddedConnection implements DatabaseConnection {
  readonly release: () => void;
  readonly #database: EmbeddedDatabase;

  constructor(database: EmbeddedDatabase, release: () => void) {
    this.#database = database;
    this.release = release;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const run = (): QueryResult<Row> => execute<Row>(this.#database.prepare(query.sql), query.parameters);
    // A transaction has the write lock since it began.
    return this.#database.connection.isTransaction ? run() : this.#database.whenNotBusy(run);
  }

  // eslint-disable-next-line require-yield -- the interface demands a generator
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('the state store reads in pages, not in streams');
  }
}

function execute<Row>(statement: StatementSync, parameters: readonly unknown[]): QueryResult<Row> {
  const values = parameters as Parameters<StatementSync['all']>;
  if (statement.columns().length > 0) return { rows: statement.all(...values) as Row[] };
  const { changes, lastInsertRowid } = statement.run(...values);
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
}
