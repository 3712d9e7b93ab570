import type { MysqlConnection } from '@object-transfer/core/state/open-mysql-state';
import { Mariadb, type MariadbOptions } from '@object-transfer/local-cloud/mariadb/mariadb';
import { installMariadb } from './mariadb-install.ts';

/** A private server; MariaDB is installed where it is missing and that can be done. */
export async function startMariadb(options: MariadbOptions = {}): Promise<Mariadb> {
  await installMariadb();
  return Mariadb.start(options);
}

/** As the administrator, to one of the server's databases. */
export function connectionTo(server: Mariadb, database: string): MysqlConnection {
  return { ...server.address, database, sslDisabled: true };
}
