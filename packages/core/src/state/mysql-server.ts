import { ConfigurationError } from '../domain/errors.ts';
import type { MysqlSession } from './mysql-connections.ts';

/** What the statements have to know about a server. */
export interface MysqlServer {
  /** `10.11.6-MariaDB`, `8.0.36`. */
  readonly version: string;
  /** Can read past rows that others have locked. MySQL 5.7 cannot. */
  readonly skipsLocked: boolean;
}

/** @throws ConfigurationError `CONFIG_STATE_INCOMPATIBLE` where the server is too old */
export async function inspectMysqlServer(session: MysqlSession): Promise<MysqlServer> {
  const { rows } = await session.query('SELECT VERSION() AS version', []);
  return toMysqlServer(String(rows[0]?.['version']));
}

/** @throws ConfigurationError as {@link inspectMysqlServer} */
export function toMysqlServer(version: string): MysqlServer {
  const [, major = 0, minor = 0] = (/^(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  const isMariadb = /mariadb/i.test(version);
  const release = major * 1000 + minor;
  if (release < (isMariadb ? 10_006 : 5007)) {
    throw new ConfigurationError(
      'CONFIG_STATE_INCOMPATIBLE',
      `the database server is ${version}: the state needs MariaDB 10.6, MySQL 5.7, or later`,
      { op: 'openState' },
    );
  }
  return { version, skipsLocked: isMariadb || major >= 8 };
}

/**
 * The collation that keys are compared by: byte for byte, trailing spaces included, as S3 does.
 *
 * `utf8mb4_bin` ignores trailing spaces, and sorts `a/` after `a/` and a control character. MySQL 5.7 has nothing else.
 * It is enough for the keys that rows have, which end in a slash or are empty; a folder whose name begins with a control
 * character is then listed before the one that it lies in.
 */
export async function byteCollation(session: MysqlSession): Promise<string> {
  const preferred = ['utf8mb4_nopad_bin', 'utf8mb4_0900_bin', 'utf8mb4_bin'];
  const { rows } = await session.query(
    'SELECT collation_name AS name FROM information_schema.collations WHERE collation_name IN (?)',
    [preferred],
  );
  const known = new Set(rows.map((row) => row['name']));
  return preferred.find((name) => known.has(name)) ?? 'utf8mb4_bin';
}
