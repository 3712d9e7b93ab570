import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareUtf8 } from '../content/utf8-order.ts';
import { GcsError } from './gcs-error.ts';
import { listNames, readListQuery } from './list-objects.ts';
import { SortedNames } from './sorted-names.ts';

function indexOf(names: readonly string[]): SortedNames {
  const index = new SortedNames();
  for (const name of names) index.add(name);
  return index;
}

const list = (names: readonly string[], parameters: Record<string, string>) =>
  listNames(indexOf(names), readListQuery(new URLSearchParams(parameters)));

/** Every page, joined; each must hold no more than was asked for. */
function listAll(
  names: readonly string[],
  parameters: Record<string, string>,
): { names: string[]; prefixes: string[] } {
  const index = indexOf(names);
  const joined: { names: string[]; prefixes: string[] } = { names: [], prefixes: [] };
  let pageToken = '';
  for (;;) {
    const page = listNames(index, readListQuery(new URLSearchParams({ ...parameters, pageToken })));
    joined.names.push(...page.names);
    joined.prefixes.push(...page.prefixes);
    if (page.nextPageToken === undefined) return joined;
    pageToken = page.nextPageToken;
  }
}

const TREE = ['a', 'a/', 'a/1', 'a/2', 'a/b/', 'a/b/3', 'b', 'c/4'];

describe('listNames', () => {
  it('groups names by the delimiter after the prefix', () => {
    expect(list(TREE, { delimiter: '/' })).toEqual({ names: ['a', 'b'], prefixes: ['a/', 'c/'] });
    expect(list(TREE, { delimiter: '/', prefix: 'a/' })).toEqual({ names: ['a/', 'a/1', 'a/2'], prefixes: ['a/b/'] });
    expect(list(TREE, { delimiter: '/', prefix: 'a' })).toEqual({ names: ['a'], prefixes: ['a/'] });
  });

  it('lists an object that is named like its group too, when asked for trailing delimiters', () => {
    const query = { delimiter: '/', includeTrailingDelimiter: 'true' };
    expect(list(TREE, query)).toEqual({ names: ['a', 'a/', 'b'], prefixes: ['a/', 'c/'] });
    expect(listAll(TREE, { ...query, maxResults: '1' })).toEqual({ names: ['a', 'a/', 'b'], prefixes: ['a/', 'c/'] });
  });

  it('begins at startOffset and ends before endOffset', () => {
    expect(list(TREE, { startOffset: 'a/2', endOffset: 'b' }).names).toEqual(['a/2', 'a/b/', 'a/b/3']);
    expect(list(TREE, { startOffset: 'a', prefix: 'b' }).names).toEqual(['b']);
    expect(list(TREE, { startOffset: 'a/b/3', delimiter: '/' })).toEqual({ names: ['b'], prefixes: ['a/', 'c/'] });
  });

  it('answers the same entries whatever the page size', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', '😀', '\uffee'), minLength: 1, maxLength: 5 });
    const parameters = fc.record({
      prefix: fc.constantFrom('', 'a', 'a/'),
      delimiter: fc.constantFrom('', '/', 'b/'),
      maxResults: fc.constantFrom('1', '2', '7', '1000'),
    });
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 40 }), parameters, (names, { prefix, delimiter, maxResults }) => {
        const wanted = names.filter((candidate) => candidate.startsWith(prefix)).toSorted(compareUtf8);
        const groupOf = (candidate: string): string | undefined => {
          const cut = delimiter === '' ? -1 : candidate.indexOf(delimiter, prefix.length);
          return cut === -1 ? undefined : candidate.slice(0, cut + delimiter.length);
        };
        expect(listAll(names, { prefix, delimiter, maxResults })).toEqual({
          names: wanted.filter((candidate) => groupOf(candidate) === undefined),
          prefixes: [...new Set(wanted.map(groupOf).filter((group) => group !== undefined))],
        });
      }),
    );
  });

  it('gives no token after the last entry of a page that is just full', () => {
    expect(list(['a', 'b'], { maxResults: '2' })).toEqual({ names: ['a', 'b'], prefixes: [] });
  });

  it('refuses page sizes and tokens that are not its own, and globs', () => {
    for (const parameters of [{ maxResults: 'x' }, { maxResults: '-1' }, { pageToken: 'bogus' }, { matchGlob: '**' }]) {
      expect(() => list(TREE, parameters)).toThrow(GcsError);
    }
  });
});
