import { expect, test } from 'vitest';
import { BlockPool, blocksFor } from './block-pool.ts';

const KIB = 1024;

test.each([
  [0, 64],
  [64 * KIB, 64],
  [64 * KIB + 1, 256],
  [4 * KIB * KIB - 1, 256],
  [4 * KIB * KIB, 1024],
])('a body of %d bytes gets blocks of %d KiB', (bytes, kibibytes) => {
  expect(blocksFor({ kind: 'length', bytes }).blockBytes).toBe(kibibytes * KIB);
});

test('a body of unknown length gets blocks of 256 KiB', () => {
  expect(blocksFor({ kind: 'chunked' }).blockBytes).toBe(256 * KIB);
});

test('a block that was given back is used again, and no other than that', () => {
  const pool = new BlockPool(8);
  const first = pool.take();
  const second = pool.take();
  expect(second).not.toBe(first);
  pool.giveBack(first);
  expect(pool.take()).toBe(first);
  expect(pool.take()).not.toBe(second);
});

test('no more than 16 MiB are kept, of all sizes together', () => {
  const large = new BlockPool(KIB * KIB);
  const taken = Array.from({ length: 20 }, () => large.take());
  for (const block of taken) large.giveBack(block);
  const again = new Set(Array.from({ length: 20 }, () => large.take()));
  const kept = taken.filter((block) => again.has(block)).length;
  expect(kept).toBeLessThanOrEqual(16);
  expect(kept).toBeGreaterThan(0);
});
