import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const page = read('docs/operations.md');
const PAGES = [
  { name: 'docs/operations.md', queries: 6 },
  { name: 'docs/check-and-repair.md', queries: 2 },
];

/** The codes are types: only the source text has them. */
const CODES = [...new Set(read('packages/core/src/domain/errors.ts').match(/(?<=')[A-Z]+_[A-Z_]+(?=')/g))];
const queriesOf = (name: string): readonly string[] =>
  [...read(name).matchAll(/^ *sqlite3 -box object-transfer\.sqlite "([^"]+)"/gm)].map(([, sql = '']) => sql);
const TABLES = [...page.matchAll(/^\| `((?:object_transfer|queue)_\w+)` \|/gm)].map(([, table = '']) => table);

let folder: string;
let database: DatabaseSync;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'operations-doc-'));
  const file = join(folder, 'state.sqlite');
  const state = await openEmbeddedState(file, { owner: 'host:1:00000000' });
  await state.close();
  database = new DatabaseSync(file, { readOnly: true });
});
afterAll(async () => {
  database.close();
  await rm(folder, { recursive: true });
});

describe('docs/operations.md', () => {
  it.each(CODES)('says what to do about %s', (code) => {
    expect(page).toContain(`\n| \`${code}\` |`);
  });

  it.each(TABLES)('names the table %s, which a state file has', (table) => {
    expect(() => database.prepare(`SELECT * FROM ${table}`)).not.toThrow();
  });
});

describe.each(PAGES)('$name', ({ name, queries }) => {
  it('shows queries that a state file answers', () => {
    expect(queriesOf(name)).toHaveLength(queries);
    for (const query of queriesOf(name)) expect(() => database.prepare(query).all()).not.toThrow();
  });
});
