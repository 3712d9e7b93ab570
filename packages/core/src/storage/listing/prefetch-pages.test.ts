import { expect, test } from 'vitest';
import { prefetchPages } from './prefetch-pages.ts';

const never = new AbortController().signal;

test('one page is asked for ahead, never more', async () => {
  const asked: (number | undefined)[] = [];
  const pages = prefetchPages<number, number>((cursor) => {
    asked.push(cursor);
    const page = cursor ?? 0;
    return Promise.resolve({ page, next: page < 3 ? page + 1 : undefined });
  }, never);
  expect(asked).toEqual([]);
  expect(await pages.next()).toEqual({ done: false, value: 0 });
  expect(asked).toEqual([undefined, 1]);
  const rest: number[] = [];
  for await (const page of pages) rest.push(page);
  expect(rest).toEqual([1, 2, 3]);
  expect(asked).toEqual([undefined, 1, 2, 3]);
});

test('an error surfaces where its page would have come', async () => {
  const pages = prefetchPages<number, number>(
    (cursor) =>
      cursor === undefined ? Promise.resolve({ page: 0, next: 1 }) : Promise.reject(new Error('page 1 is broken')),
    never,
  );
  expect(await pages.next()).toEqual({ done: false, value: 0 });
  await expect(pages.next()).rejects.toThrow('page 1 is broken');
});

test('the page asked for ahead is given up when the consumer leaves', async () => {
  let ahead: AbortSignal | undefined;
  const pages = prefetchPages<number, number>((cursor, signal) => {
    if (cursor === undefined) return Promise.resolve({ page: 0, next: 1 });
    ahead = signal;
    return new Promise(() => undefined);
  }, never);
  await pages.next();
  expect(ahead?.aborted).toBe(false);
  await pages.return();
  expect(ahead?.aborted).toBe(true);
});
