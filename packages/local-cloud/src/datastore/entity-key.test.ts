import { describe, expect, it } from 'vitest';
import { compareKeys, keyText, normalizeKey } from './entity-key.ts';
import type { Key, PathElement } from './wire-types.ts';

const DATABASE = { projectId: 'p', databaseId: '' };

function path(...elements: readonly (readonly [string, string | number])[]): readonly PathElement[] {
  return elements.map(([kind, name]) => (typeof name === 'number' ? { kind, id: String(name) } : { kind, name }));
}

describe('compareKeys', () => {
  it('puts numbers before names, names by their bytes, parents before children', () => {
    const sorted = [
      path(['A', 9]),
      path(['A', 10]),
      path(['A', 10], ['B', 1]),
      path(['A', '']),
      path(['A', '10']),
      path(['A', '9']),
      path(['A', '\uFFFD']),
      path(['A', '\u{10000}']),
      path(['B', 1]),
    ];
    expect(sorted.toReversed().toSorted(compareKeys)).toEqual(sorted);
  });

  it('compares numbers that no double holds', () => {
    const [lower, higher] = [[{ kind: 'A', id: '9007199254740992' }], [{ kind: 'A', id: '9007199254740993' }]];
    expect(compareKeys(lower, higher)).toBeLessThan(0);
    expect(compareKeys(higher, lower)).toBeGreaterThan(0);
    expect(compareKeys(lower, lower)).toBe(0);
  });
});

describe('normalizeKey', () => {
  it('fills in the partition', () => {
    const key: Key = { partitionId: null, path: path(['A', 'a']) };
    expect(normalizeKey(key, DATABASE).partitionId).toEqual({ projectId: 'p', databaseId: '', namespaceId: '' });
  });

  it.each<[string, Key | null]>([
    ['no key', null],
    ['an empty path', { partitionId: null, path: [] }],
    ['an incomplete parent', { partitionId: null, path: [{ kind: 'A' }, { kind: 'B', name: 'b' }] }],
    ['the number 0', { partitionId: null, path: [{ kind: 'A', id: '0' }] }],
    ['another project', { partitionId: { projectId: 'q', databaseId: '', namespaceId: '' }, path: path(['A', 'a']) }],
  ])('refuses %s', (_what, key) => {
    expect(() => normalizeKey(key, DATABASE)).toThrow('INVALID_ARGUMENT');
  });
});

describe('keyText', () => {
  it('differs wherever keys differ', () => {
    const keys = [path(['A', 1]), path(['A', '1']), path(['A', '1'], ['B', '1']), path(['A', '1","B'])];
    const texts = keys.map((each) => keyText(normalizeKey({ partitionId: null, path: each }, DATABASE)));
    expect(new Set(texts).size).toBe(keys.length);
  });
});
