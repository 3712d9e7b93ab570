import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { createConnection } from 'mysql2/promise';
import type { MysqlConnection } from '@object-transfer/core/state/open-mysql-state';
import { inject } from 'vitest';

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

/** A database of its own on the run's MariaDB, or tables of their own in the database of `MYSQL_URL`. */
export async function createMysqlHome(): Promise<MysqlHome> {
  const unique = randomBytes(6).toString('hex');
  const given = process.env['MYSQL_URL'];
  if (given !== undefined) return homeIn(connectionOf(new URL(given)), `t_${unique}`, false);
  const connection = await sharedServer();
  return homeIn({ ...connection, database: `test_${unique}` }, 'object_transfer_state', true);
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

async function sharedServer(): Promise<MysqlConnection> {
  const answer = JSON.parse(await text(connect(inject('mariadbSocket')))) as { port: number } | { error: string };
  if ('error' in answer) throw new Error(answer.error);
  return { host: '127.0.0.1', port: answer.port, user: 'root', password: '', database: '', sslDisabled: true };
}

function connectionOf(url: URL): MysqlConnection {
  return {
    host: url.hostname,
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    sslDisabled: true,
  };
}
