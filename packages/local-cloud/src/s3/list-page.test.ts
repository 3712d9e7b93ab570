import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryContent, MemoryObject } from '../content/memory-content.ts';
import { type ListRequest, listPage } from './list-page.ts';

const piece = fc.string({
  unit: fc.constantFrom('a', 'b', '/', '-', '\u{1f600}', '\uffff', '\u{10ffff}'),
  minLength: 1,
  maxLength: 5,
});
const EMPTY = new MemoryObject([]);

describe('listPage', () => {
  it('shows the same keys and prefixes however small the pages are', async () => {
    const cases = fc.record({
      keys: fc.uniqueArray(piece, { maxLength: 12 }),
      prefix: fc.oneof(piece, fc.constant('')),
      delimiter: fc.constantFrom('', '/', '-', '/-', '\u{10ffff}'),
      maxKeys: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ keys, prefix, delimiter, maxKeys }) => {
        const store = new MemoryContent();
        for (const key of keys) store.put(key, EMPTY);
        const found: string[] = [];
        let after: string | undefined = '';
        for (let pages = 0; after !== undefined && pages <= keys.length; pages++) {
          const request: ListRequest = { prefix, delimiter, after, maxKeys };
          const page = await listPage(store, request);
          const names = [...page.objects.map(({ key }) => key), ...page.commonPrefixes];
          expect(names.length).toBeLessThanOrEqual(maxKeys);
          expect(page.next === undefined || names.length === maxKeys).toBe(true);
          found.push(...names.toSorted(byBytes));
          after = page.next;
        }
        expect(found).toEqual(naive(keys, prefix, delimiter));
      }),
      { numRuns: 500 },
    );
  });

  it('starts behind a key that does not exist, and before the prefix changes nothing', async () => {
    const store = new MemoryContent();
    for (const key of ['a/1', 'a/3', 'b']) store.put(key, EMPTY);
    const keysAfter = async (after: string) =>
      (await listPage(store, { prefix: 'a/', delimiter: '', after, maxKeys: 9 })).objects.map(({ key }) => key);
    expect(await keysAfter('a/2')).toEqual(['a/3']);
    expect(await keysAfter('a/3')).toEqual([]);
    expect(await keysAfter('A')).toEqual(['a/1', 'a/3']);
    expect(await keysAfter('b')).toEqual([]);
  });
});

function naive(keys: readonly string[], prefix: string, delimiter: string): string[] {
  const names = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      return cut < 0 ? key : key.slice(0, cut + delimiter.length);
    });
  return [...new Set(names)].toSorted(byBytes);
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
