import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareUtf8 } from '../../domain/key-mapping.ts';
import { KeyScale } from './key-scale.ts';

const PAGES = 4;
const PAGE = 1000;

/** The scale of four pages in the middle of these keys, and how many pages lie between them and the key that it guesses. */
function guess(keyOf: (index: number) => string, pagesAhead: number) {
  const keys = Array.from({ length: 60 * PAGE }, (_, index) => keyOf(index)).toSorted(compareUtf8);
  const from = 20 * PAGE;
  const last = from + PAGES * PAGE;
  const sample = Array.from({ length: PAGES * 8 + 1 }, (_, i) => keys[from + i * (PAGE / 8)] ?? '');
  const scale = KeyScale.of('p/', sample, PAGES);
  const guessed = scale?.keyAhead(pagesAhead);
  const reached = guessed === undefined ? Number.NaN : keys.findIndex((key) => compareUtf8(key, guessed) > 0);
  return { scale, guessed, pages: (reached - last) / PAGE, keyAt: (page: number) => keys[last + page * PAGE] ?? '' };
}

const hash = (index: number) => createHash('md5').update(String(index)).digest();

test.each<readonly [string, (index: number) => string]>([
  ['counters', (i) => `p/${String(i).padStart(9, '0')}`],
  ['counters with something around them', (i) => `p/img-${String(i).padStart(9, '0')}.jpg`],
  ['hexadecimal hashes', (i) => `p/${hash(i).toString('hex')}`],
  ['hexadecimal hashes in upper case', (i) => `p/${hash(i).toString('hex').toUpperCase()}`],
  ['hashes in base 64', (i) => `p/x${hash(i).toString('base64url')}`],
  ['numbers without leading zeros', (i) => `p/${i + 200_000}`],
  ['folders of a few', (i) => `p/${String(Math.floor(i / 30)).padStart(5, '0')}/part-${i % 30}`],
])('where the next pages of %s end is guessed to a tenth', (_, keyOf) => {
  const { scale, pages, keyAt } = guess(keyOf, 5);
  expect(pages).toBeGreaterThan(4.5);
  expect(pages).toBeLessThan(5.5);
  const far = scale?.pagesUntil(keyAt(10)) ?? 0;
  expect(far).toBeGreaterThan(9);
  expect(far).toBeLessThan(11);
});

test('a guess for keys that name times is not led astray by the hours and minutes that there are not', () => {
  const { pages } = guess((i) => `p/${new Date(1.7e12 + i * 60_000).toISOString()}`, 5);
  expect(pages).toBeGreaterThan(3.5);
  expect(pages).toBeLessThan(6.5);
});

test('a gap in the sample does not count', () => {
  const { scale, keyAt } = guess((i) => `p/${i < 22_200 ? 'a' : 'c'}${String(i).padStart(9, '0')}`, 5);
  expect(scale?.pagesUntil(keyAt(10))).toBeLessThan(11);
});

const key = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => `p/${text}`);

test('a guess is valid Unicode under the prefix, or there is none', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 40 }),
      (keys, pages) => {
        const sample = keys.toSorted(compareUtf8);
        const guessed = KeyScale.of('p/', sample, 3)?.keyAhead(pages);
        if (guessed === undefined) return;
        expect(guessed.isWellFormed()).toBe(true);
        expect(guessed.startsWith('p/')).toBe(true);
      },
    ),
  );
});

test('keys that do not begin as the sample does are out of reach', () => {
  const { scale } = guess((i) => `p/${'a'.repeat(20)}${String(i).padStart(9, '0')}`, 1);
  expect(scale?.pagesUntil('p/b')).toBe(Number.POSITIVE_INFINITY);
  expect(scale?.movedTo('p/b')).toBeUndefined();
});

test('too few keys, or keys that tell nothing, have no scale', () => {
  expect(KeyScale.of('p/', ['p/a', 'p/b'], 1)).toBeUndefined();
  expect(KeyScale.of('p/', [], 1)).toBeUndefined();
  expect(
    KeyScale.of(
      'p/',
      Array.from({ length: 20 }, () => 'p/a'),
      1,
    ),
  ).toBeUndefined();
});
