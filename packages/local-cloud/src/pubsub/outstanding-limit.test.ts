import { expect, it } from 'vitest';
import { OutstandingLimit } from './outstanding-limit.ts';

it('admits as many messages as it says, and another when one is settled', () => {
  const limit = new OutstandingLimit(2, 0);
  limit.add(1_000_000);
  expect(limit.admits(1)).toBe(true);
  limit.add(1);
  expect(limit.admits(1)).toBe(false);
  limit.remove(1);
  expect(limit.admits(1)).toBe(true);
});

it('admits as many bytes as it says', () => {
  const limit = new OutstandingLimit(0, 100);
  limit.add(60);
  expect(limit.admits(40)).toBe(true);
  expect(limit.admits(41)).toBe(false);
});

it('lets a message over the limit of bytes through, alone', () => {
  const limit = new OutstandingLimit(0, 100);
  expect(limit.admits(101)).toBe(true);
  limit.add(101);
  expect(limit.admits(1)).toBe(false);
});

it('takes 0 and less for no limit', () => {
  const limit = new OutstandingLimit(0, -1);
  for (let n = 0; n < 100_000; n++) limit.add(1_000_000);
  expect(limit.admits(1_000_000)).toBe(true);
});
