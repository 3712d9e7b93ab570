import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

it('SECURITY.md names tests that exist, and every test of this directory', () => {
  const page = readFileSync(join(REPOSITORY, 'SECURITY.md'), 'utf8');
  const named = (page.match(/[\w/.-]+\.test\.ts/g) ?? []).map((name) =>
    name.includes('/') ? name : `test/security/${name}`,
  );
  expect(named.filter((file) => !existsSync(join(REPOSITORY, file)))).toEqual([]);
  const here = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'));
  const own = basename(import.meta.filename);
  expect(here.filter((name) => name !== own && !named.includes(`test/security/${name}`))).toEqual([]);
});
