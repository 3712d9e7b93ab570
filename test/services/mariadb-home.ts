import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { MysqlConnection } from '@object-transfer/core/state/open-mysql-state';
import { inject } from 'vitest';
import { homeIn, type MysqlHome } from './mariadb-database.ts';

/** A database of its own on the run's MariaDB, or tables of their own in the database of `MYSQL_URL`. */
export async function createMysqlHome(): Promise<MysqlHome> {
  const unique = randomBytes(6).toString('hex');
  const given = process.env['MYSQL_URL'];
  if (given !== undefined) return homeIn(connectionOf(new URL(given)), `t_${unique}`, false);
  const connection = await sharedServer();
  return homeIn({ ...connection, database: `test_${unique}` }, 'object_transfer_state', true);
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
