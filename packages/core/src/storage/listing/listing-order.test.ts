import { expect, test } from 'vitest';
import { listingDisorder } from './listing-order.ts';

test.each([
  [['p/a', 'p/b'], undefined],
  [['p/\uFFFD', 'p/\u{1F600}'], undefined],
  [['p/\u{1F600}', 'p/\uFFFD'], '"p/\uFFFD" comes after "p/\u{1F600}"'],
  [['p/a', 'p/a'], '"p/a" comes after "p/a"'],
  [['p/a', 'q/b'], '"q/b" does not begin with "p/"'],
])('%j: %j', (names, disorder) => {
  expect(listingDisorder(names, 'p/', undefined)).toBe(disorder);
});

test('a page must not begin before the end of the one before', () => {
  expect(listingDisorder(['b'], '', 'a')).toBeUndefined();
  expect(listingDisorder(['b'], '', 'b')).toBe('"b" comes after "b"');
});
