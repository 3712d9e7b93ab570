import { describe, expect, it } from 'vitest';
import { matchesWildcard } from './wildcard.ts';

describe('matchesWildcard', () => {
  it.each([
    ['*', '', true],
    ['', 'a', false],
    ['http*://cdn/photos/*', 'http://cdn/photos/a/b?c=1', true],
    ['http*://cdn/photos/*', 'https://cdn/photos/', true],
    ['http*://cdn/photos/*', 'https://cdn/other/a', false],
    ['/a?c', '/abc', true],
    ['/a?c', '/ac', false],
    ['*a*b', 'xxaxbxb', true],
    ['*a*b', 'xxaxbxbx', false],
    ['/A', '/a', false],
    ['/a.b', '/axb', false],
    ['a**', 'a', true],
  ])('%s against %s: %s', (pattern, text, matches) => {
    expect(matchesWildcard(pattern, text)).toBe(matches);
  });
});
