import { blocksFor } from '@object-transfer/core/storage/wire/block-pool';
import type { TransferContext } from './transfer-context.ts';

/**
 * What a stream takes, in blocks of the size that its body gets: the two that are read into by turns. As much again goes to its
 * sockets, the last chunk of a session, and blocks that the garbage collector has not got to yet: with 1,800 objects of all sizes, 128
 * at a time, a process peaked at 253 MiB where large streams counted three, and at 392 MiB where they counted two.
 */
const BLOCKS_PER_STREAM = 4;

/** What each stream is to get at least, where the bandwidth is capped: slower ones are cut off by either side. */
const MIN_BYTES_PER_SECOND = 1024 * 1024;

/**
 * What a stream counts for in the budget of bytes. Where the bandwidth is capped, so much that no more streams are begun
 * than it can feed.
 */
export function streamBytes({ budget, rates }: TransferContext, sizeBytes: number): number {
  const held = BLOCKS_PER_STREAM * blocksFor({ kind: 'length', bytes: sizeBytes }).blockBytes;
  return Math.max(held, budget.capacityBytes * Math.min(1, MIN_BYTES_PER_SECOND / rates.bytes.perSecond));
}
