import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import { compareUtf8 } from '@object-transfer/core/domain/key-mapping';
import type { SourceObject } from '@object-transfer/core/domain/source-object';
import { mergeListings, type ListedPair } from './merge-listings.ts';

const MAPPING = { s3RootPrefix: 'in/', gcsRootPrefix: 'out/' };

function sourceObject(name: string): SourceObject {
  return { key: `in/${name}`, sizeBytes: 1, etag: 'e', lastModified: new Date(0), storageClass: 'STANDARD' };
}

function destinationObject(name: string): DestinationObject {
  return { name: `out/${name}`, sizeBytes: 1, generation: '1', crc32c: 0, md5: undefined, sourceEtag: undefined };
}

/** Pages of uneven length, empty ones among them; tells when nobody reads on. */
async function* pagesOf<T>(objects: readonly T[], onClose: () => void = () => undefined) {
  try {
    for (let i = 0, length = 0; i < objects.length; i += length, length = (length + 1) % 4) {
      yield { objects: objects.slice(i, i + length) };
    }
  } finally {
    onClose();
  }
}

async function* failingAfter(name: string) {
  yield { objects: [destinationObject(name)] };
  throw new Error('the listing broke off');
}

async function* flat(batches: AsyncIterable<readonly ListedPair[]>) {
  for await (const pairs of batches) yield* pairs;
}

async function merge(sources: readonly string[], destinations: readonly string[]): Promise<string[]> {
  const merged: string[] = [];
  const pairs = mergeListings(
    MAPPING,
    pagesOf(sources.map(sourceObject)),
    pagesOf(destinations.map(destinationObject)),
  );
  for await (const { source, found } of flat(pairs)) {
    merged.push(`${source?.key.slice(3) ?? '-'}|${found?.name.slice(4) ?? '-'}`);
  }
  return merged;
}

test('each name comes once, with what either side has under it', async () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\uFFFD', '\u{10000}'), minLength: 1, maxLength: 3 });
  const listing = fc.uniqueArray(name).map((names) => names.toSorted(compareUtf8));
  await fc.assert(
    fc.asyncProperty(listing, listing, async (sources, destinations) => {
      const names = [...new Set([...sources, ...destinations])].toSorted(compareUtf8);
      const wanted = names.map(
        (one) => `${sources.includes(one) ? one : '-'}|${destinations.includes(one) ? one : '-'}`,
      );
      expect(await merge(sources, destinations)).toEqual(wanted);
    }),
  );
});

test('a name that GCS forbids has no counterpart and disturbs nobody', async () => {
  expect(await merge(['a', 'a\nb', 'c'], ['a', 'b', 'c'])).toEqual(['a|a', 'a\nb|-', '-|b', 'c|c']);
});

test('a listing that fails fails the walk, and the other one is closed', async () => {
  let closed = 0;
  const sources = pagesOf(['a', 'b', 'c', 'd', 'e', 'f'].map(sourceObject), () => closed++);
  const walk = async () => {
    for await (const pair of flat(mergeListings(MAPPING, sources, failingAfter('a'))))
      expect(pair.source?.key).toBe('in/a');
  };
  await expect(walk()).rejects.toThrow('the listing broke off');
  expect(closed).toBe(1);
});

test('leaving the walk closes both listings', async () => {
  let closed = 0;
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const sources = pagesOf(names.map(sourceObject), () => closed++);
  const destinations = pagesOf(names.map(destinationObject), () => closed++);
  for await (const { source } of flat(mergeListings(MAPPING, sources, destinations))) if (source?.key === 'in/b') break;
  expect(closed).toBe(2);
});
