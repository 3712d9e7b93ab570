import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { homeIn } from '../services/mariadb-database.ts';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { connectionTo, startMariadb } from '../services/mariadb.ts';
import { createMysqlHarness } from './state-store-mysql-harness.ts';
import { describeStateStore } from './state-store-suite.ts';

let server: Mariadb;

beforeAll(async () => {
  server = await startMariadb({ options: ['--version=5.7.36-log'] });
});

afterAll(async () => {
  await server.close();
});

// MariaDB under another version's name: the store then does without what that version lacks.
describeStateStore('MySQL without SKIP LOCKED', () =>
  createMysqlHarness(() => homeIn(connectionTo(server, `test_${randomBytes(6).toString('hex')}`), 'state', true)),
);
