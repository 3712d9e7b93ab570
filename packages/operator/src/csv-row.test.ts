import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { csvRow } from './csv-row.ts';

/** Reads the rows of RFC 4180, which say nothing about what is not quoted. */
function parse(csv: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain = '', end] of csv.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

it('is read back as it was, whatever the fields hold', () => {
  const field = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('"', ',', '\r', '\n', 'a') }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(field, { minLength: 1 })), (rows) => {
      expect(parse(rows.map(csvRow).join(''))).toEqual(rows);
    }),
  );
});

it('quotes only what needs it', () => {
  expect(csvRow(['a b', 'c,d', 'e"f', ''])).toBe('a b,"c,d","e""f",\r\n');
});
