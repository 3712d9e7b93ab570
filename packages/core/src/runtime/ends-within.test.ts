import { expect, test } from 'vitest';
import { endsWithin } from './ends-within.ts';

test.each([
  ['has come', () => Promise.resolve(1)],
  ['has failed', () => Promise.reject(new Error('broken'))],
])('what %s has ended', async (_, begin) => {
  expect(await endsWithin(begin(), 60_000)).toBe(true);
});

test('what never comes is waited for no longer than that', async () => {
  expect(await endsWithin(Promise.withResolvers<void>().promise, 5)).toBe(false);
});

test('what fails later is nobody else’s failure', async () => {
  const { promise, reject } = Promise.withResolvers<void>();
  expect(await endsWithin(promise, 5)).toBe(false);
  reject(new Error('broken'));
  await new Promise(setImmediate);
});
