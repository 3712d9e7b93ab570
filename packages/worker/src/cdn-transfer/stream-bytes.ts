import type { TransferContext } from './transfer-context.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * What a stream takes, by the size of its body: twice its two blocks of 64 KiB, 256 KiB or 1 MiB (`blocksFor`). As much again goes to
 * its sockets, the last chunk of a session, and blocks that the garbage collector has not got to yet: with 1,800 objects of all these
 * sizes, 128 at a time, a process peaked at 253 MiB where large streams counted 3 MiB, and at 392 MiB where they counted two.
 */
const COSTS: readonly (readonly [number, number])[] = [
  [64 * KIB, 256 * KIB],
  [4 * MIB - 1, MIB],
  [Number.POSITIVE_INFINITY, 4 * MIB],
];

/** What each stream is to get at least, where the bandwidth is capped: slower ones are cut off by either side. */
const MIN_BYTES_PER_SECOND = MIB;

/**
 * What a stream counts for in the budget of bytes. Where the bandwidth is capped, so much that no more streams are begun
 * than it can feed.
 */
export function streamBytes({ budget, rates }: TransferContext, sizeBytes: number): number {
  const [, held = 0] = COSTS.find(([upTo]) => sizeBytes <= upTo) ?? [];
  return Math.max(held, budget.capacityBytes * Math.min(1, MIN_BYTES_PER_SECOND / rates.bytes.perSecond));
}
