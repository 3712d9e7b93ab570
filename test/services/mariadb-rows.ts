/**
 * The statement that adds rows `photos/00000000/` and so on, up to a million, of which the first are published already.
 * Their numbers are a join of digits, which every server has.
 */
export function numberedRows(table: string, rows: number, published: number): string {
  const digits =
    '(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)';
  return `INSERT INTO ${table} (dir_key, initial_transfer, cdn_transfer_published)
    SELECT CONCAT('photos/', LPAD(n, 8, '0'), '/'), n >= ${published}, n < ${published} FROM
      (SELECT a.d + b.d * 10 + c.d * 100 + e.d * 1000 + f.d * 10000 + g.d * 100000 AS n
         FROM ${['a', 'b', 'c', 'e', 'f', 'g'].map((name) => `${digits} ${name}`).join(', ')}) numbers
     WHERE n < ${rows}`;
}
