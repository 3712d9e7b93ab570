import { expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';

it('doubles from the minimum up to the maximum', () => {
  const policy = { minimumBackoffMs: 10_000, maximumBackoffMs: 60_000 };
  expect([1, 2, 3, 4, 100].map((failures) => backoffMs(policy, failures))).toEqual([
    10_000, 20_000, 40_000, 60_000, 60_000,
  ]);
});

it('redelivers at once without a policy', () => {
  expect(backoffMs(undefined, 7)).toBe(0);
});
