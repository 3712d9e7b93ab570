import { parseSqlTemplate } from '@object-transfer/core/config/sql-template';
import * as fc from 'fast-check';
import { createConnection, type Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MysqlHome } from '../../services/mariadb-database.ts';
import { createMysqlHome } from '../../services/mariadb-home.ts';

/** Stands for the value that is bound. */
const BOUND = Symbol('bound');

/** Expressions as an operator writes them, and what the server is to make of them. */
const EXPRESSIONS: readonly (readonly [given: string, value: unknown])[] = [
  ['%s', BOUND],
  ['(%s)', BOUND],
  ['--\n%s', BOUND],
  ['/* ? %s */ %s', BOUND],
  ["'%s; ? -- /*'", '%s; ? -- /*'],
  ["'it''s \\' 100%%'", "it's ' 100%"],
  ['"a"" \\" %s?"', 'a" " %s?'],
  ['10 %% 4', 2],
  ['10 % 4', 2],
  ["-- don't; %s?\n2", 2],
  ['# "?;\n3', 3],
  ['5--1', 6],
  ['/*!40000 4 */', 4],
  ['(SELECT `?;%s` FROM (SELECT 7 AS `?;%s`) AS t)', 7],
];

let home: MysqlHome;
let connection: Connection;
beforeAll(async () => {
  home = await createMysqlHome();
  const { host, port, user, password, database } = home.connection;
  connection = await createConnection({ host, port, user, password, database });
});
afterAll(async () => {
  await connection.end();
  await home.dispose();
});

describe('a statement of the operator', () => {
  it('has the placeholders and the literals that the server sees', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...EXPRESSIONS), { minLength: 1, maxLength: 8 }), async (chosen) => {
        const columns = chosen.map(([given], index) => `${given} AS c${index}`);
        const { sql, placeholders } = parseSqlTemplate(`SELECT ${columns.join(', ')} ; `);
        const bound = Array.from({ length: placeholders }, (_, index) => `'; DROP %s ? ${index}`);
        const [rows] = await connection.execute(sql, bound);
        const inOrder = bound.values();
        const expected = chosen.map(([, value]) => (value === BOUND ? inOrder.next().value : value));
        expect(
          Object.values((rows as object[])[0] ?? {}).map((value) =>
            typeof value === 'bigint' ? Number(value) : value,
          ),
        ).toEqual(expected);
      }),
    );
  });
});
