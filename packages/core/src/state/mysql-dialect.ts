import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type Kysely,
  MysqlAdapter,
  MysqlIntrospector,
  MysqlQueryCompiler,
  type QueryResult,
} from 'kysely';
import type { MysqlConnections, MysqlSession } from './mysql-connections.ts';
import { isPreparedQuery } from './prepared-query.ts';

/** kysely over {@link MysqlConnections}. */
export class MysqlStateDialect implements Dialect {
  readonly #connections: MysqlConnections;

  constructor(connections: MysqlConnections) {
    this.#connections = connections;
  }

  createDriver(): Driver {
    return new MysqlStateDriver(this.#connections);
  }

  createQueryCompiler(): MysqlQueryCompiler {
    return new MysqlQueryCompiler();
  }

  createAdapter(): MysqlAdapter {
    return new MysqlAdapter();
  }

  createIntrospector(db: Kysely<unknown>): MysqlIntrospector {
    return new MysqlIntrospector(db);
  }
}

class MysqlStateDriver implements Driver {
  readonly #connections: MysqlConnections;

  constructor(connections: MysqlConnections) {
    this.#connections = connections;
  }

  async init(): Promise<void> {
    // Connections are made when they are needed.
  }

  async acquireConnection(): Promise<SessionConnection> {
    return new SessionConnection(await this.#connections.acquire());
  }

  async beginTransaction(connection: SessionConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('START TRANSACTION'));
  }

  async commitTransaction(connection: SessionConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('COMMIT'));
  }

  async rollbackTransaction(connection: SessionConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('ROLLBACK'));
  }

  async releaseConnection(connection: SessionConnection): Promise<void> {
    connection.session.release();
  }

  async destroy(): Promise<void> {
    // The connections belong to whoever made them.
  }
}

class SessionConnection implements DatabaseConnection {
  readonly session: MysqlSession;

  constructor(session: MysqlSession) {
    this.session = session;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, affectedRows } = await this.session.query(query.sql, query.parameters, isPreparedQuery(query));
    if (affectedRows === undefined) return { rows: rows as Row[] };
    return { rows: [], numAffectedRows: BigInt(affectedRows) };
  }

  // eslint-disable-next-line require-yield -- the interface demands a generator
  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new Error('the state store reads in pages, not in streams');
  }
}
