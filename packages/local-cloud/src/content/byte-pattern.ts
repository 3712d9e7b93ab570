import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

/**
 * The pattern repeats after a prime number of bytes, so that two parts of an object, whose sizes are powers of two as a
 * rule, never hold the same bytes: parts put together in the wrong order are noticed.
 */
const PERIOD_BYTES = 1_048_573;
/** How far apart two contents begin in the pattern; prime too. */
const STRIDE_BYTES = 4_099;
const CHUNK_BYTES = 256 * 1024;

/** Any number of endless byte sequences, each readable from any offset at no cost: slices of one random block. */
export class BytePattern {
  /** The period twice, so that a slice of up to one period never wraps. */
  readonly #block: Buffer;

  constructor(seed: string) {
    const period = createHash('shake256', { outputLength: PERIOD_BYTES }).update(seed).digest();
    this.#block = Buffer.concat([period, period]);
  }

  /** Up to one period of sequence number `sequence`; shorter than asked when `length` is more than that. Not a copy. */
  slice(sequence: number, offset: number, length: number): Buffer {
    const start = (offset + sequence * STRIDE_BYTES) % PERIOD_BYTES;
    return this.#block.subarray(start, start + Math.min(length, PERIOD_BYTES));
  }

  /** The same bytes of any length. */
  stream(sequence: number, offset: number, length: number): Readable {
    let position = offset;
    const end = offset + length;
    const slice = (from: number, bytes: number) => this.slice(sequence, from, bytes);
    return new Readable({
      highWaterMark: 2 * CHUNK_BYTES,
      read() {
        if (position >= end) {
          this.push(null);
          return;
        }
        const chunk = slice(position, Math.min(CHUNK_BYTES, end - position));
        position += chunk.length;
        this.push(chunk);
      },
    });
  }
}
