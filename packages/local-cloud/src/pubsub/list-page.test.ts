import { expect, it } from 'vitest';
import { pageOf } from './list-page.ts';

const names = ['d', 'a', 'c', 'b', 'e'];
const page = (pageSize: number, pageToken = ''): ReturnType<typeof pageOf<string>> =>
  pageOf(names, (name) => name, { pageSize, pageToken });

it('gives everything once, by name, page by page', () => {
  const first = page(2);
  const second = page(2, first.nextPageToken);
  const third = page(2, second.nextPageToken);
  expect([first.items, second.items, third.items]).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  expect(third.nextPageToken).toBe('');
});

it('ends without an empty page', () => {
  expect(page(5).nextPageToken).toBe('');
  expect(page(0)).toEqual({ items: ['a', 'b', 'c', 'd', 'e'], nextPageToken: '' });
});

it('refuses a negative size', () => {
  expect(() => page(-1)).toThrow('page_size is too small');
});
