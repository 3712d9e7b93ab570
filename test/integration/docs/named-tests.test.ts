import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

/**
 * A page that says by which tests something is held names them as a link to the file, followed by their titles in double quotes:
 * `[list-page.test.ts](../x/list-page.test.ts) "one title", "another"`.
 */

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const PAGES = readdirSync(join(ROOT, 'docs'))
  .filter((name) => name.endsWith('.md'))
  .map((name) => join('docs', name));

/** A link to a file of tests, and what follows it up to the next link, cell or paragraph. */
const NAMED = /\]\((?<path>[^)\s#]+\.ts)\)(?<rest>(?:[^[|\n]|\n(?!\n))*)/g;

interface NamedTests {
  readonly path: string;
  readonly titles: readonly string[];
}

function namedTests(page: string): readonly NamedTests[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const named = Array.from(text.matchAll(NAMED), ({ groups = {} }) => ({
    path: join(dirname(page), groups['path'] ?? ''),
    titles: Array.from((groups['rest'] ?? '').matchAll(/"([^"]+)"/g), ([, title = '']) =>
      title.replaceAll(/\s+/g, ' '),
    ),
  }));
  return named.filter(({ path }) => path.startsWith('test/') || path.endsWith('.test.ts'));
}

it.each(PAGES)('every test that %s names is there, under its title', (page) => {
  const missing = namedTests(page).flatMap(({ path, titles }) => {
    if (!existsSync(join(ROOT, path))) return [`no file ${path}`];
    const source = readFileSync(join(ROOT, path), 'utf8');
    return titles.filter((title) => !source.includes(title)).map((title) => `no "${title}" in ${path}`);
  });
  expect(missing).toEqual([]);
});

it('every file of tests that the assumptions name has a title with it', () => {
  const named = namedTests('docs/assumptions.md');
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(({ titles }) => titles.length === 0)).toEqual([]);
});

it('every assumption that needs a live account is in the list at its end, and no other', () => {
  const [tables = '', list = ''] = readFileSync(join(ROOT, 'docs/assumptions.md'), 'utf8').split(
    '## What only a live account can tell',
  );
  const needed = Array.from(tables.matchAll(/^\| ([A-Z]\d+) .*\| +\**yes\b[^|]*\|$/gm), ([, id = '']) => id);
  const listed = Array.from(list.matchAll(/^\| ([A-Z]\d+(?:, [A-Z]\d+)*) /gm), ([, ids = '']) =>
    ids.split(', '),
  ).flat();
  expect(needed.length).toBeGreaterThan(20);
  expect(listed.toSorted()).toEqual(needed.toSorted());
});
