import { ByteBudget } from '@object-transfer/core/runtime/byte-budget';
import { RateLimit } from '@object-transfer/core/runtime/rate-limit';
import { expect, test } from 'vitest';
import { streamBytes } from './stream-bytes.ts';
import type { TransferContext } from './transfer-context.ts';

const MIB = 1024 * 1024;

function contextWith(bytesPerSecond: number): TransferContext {
  const rates = { writes: new RateLimit(), bytes: new RateLimit({ perSecond: bytesPerSecond }) };
  return { budget: new ByteBudget(128 * MIB), rates } as unknown as TransferContext;
}

test.each([
  [1, 0.25],
  [64 * 1024, 0.25],
  [64 * 1024 + 1, 1],
  [4 * MIB - 1, 1],
  [4 * MIB, 4],
  [5 * 1024 * 1024 * MIB, 4],
])('a body of %d bytes counts %d MiB', (bytes, mebibytes) => {
  expect(streamBytes(contextWith(Number.POSITIVE_INFINITY), bytes)).toBe(mebibytes * MIB);
});

test.each([
  [16 * MIB, 16],
  [2 * MIB, 2],
  [1000, 1],
  [1000 * MIB, 128],
])('with %d bytes per second no more than %d small streams fit into the budget', (perSecond, streams) => {
  const context = contextWith(perSecond);
  expect(Math.floor(context.budget.capacityBytes / streamBytes(context, 100_000))).toBe(streams);
});
