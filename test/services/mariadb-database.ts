import { createConnection } from 'mysql2/promise';
import type { MysqlConnection } from '@object-transfer/core/state/open-mysql-state';

/** A place for the tables of one test. */
export interface MysqlHome {
  readonly connection: MysqlConnection;
  /** A name that no other test has. */
  readonly table: string;
  /** Runs a statement, or several, as another program would. */
  query(sql: string): Promise<Record<string, unknown>[]>;
  /** Drops all of it. */
  dispose(): Promise<void>;
}

/** A database on a server that a test has started itself. */
export async function homeIn(connection: MysqlConnection, table: string, isOwnDatabase: boolean): Promise<MysqlHome> {
  const { host, port, user, password, database } = connection;
  const query = async (sql: string, inDatabase = true): Promise<Record<string, unknown>[]> => {
    const client = await createConnection({
      host,
      port,
      user,
      password,
      multipleStatements: true,
      dateStrings: true,
      ...(inDatabase ? { database } : {}),
    });
    try {
      const [rows] = await client.query(sql);
      return Array.isArray(rows) ? (rows as Record<string, unknown>[]) : [];
    } finally {
      await client.end();
    }
  };
  if (isOwnDatabase) await query(`CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4`, false);
  return {
    connection,
    table,
    query,
    dispose: async () => {
      if (isOwnDatabase) {
        await query(`DROP DATABASE \`${database}\``, false);
        return;
      }
      const tables = await query(
        `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE '${table}%'`,
      );
      for (const { name } of tables) await query(`DROP TABLE \`${String(name)}\``);
    },
  };
}
