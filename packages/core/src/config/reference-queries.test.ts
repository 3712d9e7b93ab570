import { describe, expect, it } from 'vitest';
import { FIELDS } from './fields.ts';
import { isReferenceQuery, referenceQuery, type ReferenceQueryKind } from './reference-queries.ts';

const KINDS: readonly (readonly [
  ReferenceQueryKind,
  { readonly schema: { safeParse(value: unknown): { success: boolean } } },
])[] = [
  ['insert', FIELDS.insertQuery],
  ['objectsPull', FIELDS.pullQuery],
  ['objectsUpdate', FIELDS.updateQuery],
  ['syncCheckPull', FIELDS.pullQuery],
  ['syncCheckUpdate', FIELDS.updateQuery],
  ['syncCheckStart', FIELDS.startQuery],
  ['syncCheckEnd', FIELDS.endQuery],
  ['rsyncPull', FIELDS.pullQuery],
  ['rsyncUpdate', FIELDS.updateQuery],
  ['rsyncStart', FIELDS.startQuery],
  ['rsyncEnd', FIELDS.endQuery],
];

describe('the statements of the reference tool', () => {
  it.each(KINDS)('%s is accepted by its field and known, in any layout', (kind, field) => {
    const sql = referenceQuery(kind, 'state.Folders');
    expect(field.schema.safeParse(sql).success).toBe(true);
    expect(isReferenceQuery(kind, sql, 'state.Folders')).toBe(true);
    const relaid = `\n  ${sql.replaceAll(/\b(?!Folders)[A-Z]+\b/g, (word) => word.toLowerCase()).replaceAll(' ', '\n\t ')} ; `;
    expect(isReferenceQuery(kind, relaid, 'state.Folders')).toBe(true);
    expect(isReferenceQuery(kind, sql.replaceAll('(%s)', '%s').replaceAll(', ', ','), 'state.Folders')).toBe(true);
    expect(isReferenceQuery(kind, sql.replace('state.Folders', '`state`.`Folders`'), 'state.Folders')).toBe(true);
  });

  it.each(KINDS)('%s is another statement for another table or another purpose', (kind) => {
    const sql = referenceQuery(kind, 'Folders');
    for (const table of ['folders', 'Folders2', 'state.Folders', 'MYSQL_TABLE']) {
      expect(isReferenceQuery(kind, sql, table)).toBe(false);
    }
    for (const [other] of KINDS) expect(isReferenceQuery(other, sql, 'Folders')).toBe(other === kind);
  });

  it('does not care how many rows are pulled at a time', () => {
    const sql = referenceQuery('objectsPull', 't');
    expect(isReferenceQuery('objectsPull', sql.replace('LIMIT 10', 'LIMIT 500'), 't')).toBe(true);
    expect(isReferenceQuery('objectsPull', sql.replace(' LIMIT 10', ''), 't')).toBe(true);
    expect(isReferenceQuery('objectsPull', sql.replace('LIMIT 10', 'ORDER BY dir_key LIMIT 10'), 't')).toBe(false);
  });

  it.each([
    'SELECT dir_key FROM t WHERE initial_transfer IS TRUE AND cdn_transfer_published IS TRUE LIMIT 10',
    "SELECT dir_key FROM t WHERE initial_transfer IS TRUE AND cdn_transfer_published IS FALSE AND dir_key LIKE 'a%' LIMIT 10",
    'SELECT dir_key FROM t WHERE initial_transfer IS TRUE OR cdn_transfer_published IS FALSE LIMIT 10',
    '-- SELECT dir_key FROM t WHERE initial_transfer IS TRUE AND cdn_transfer_published IS FALSE LIMIT 10',
  ])('does not take %s for the pull of objects', (sql) => {
    expect(isReferenceQuery('objectsPull', sql, 't')).toBe(false);
  });
});
