/**
 * Buffers of one size, used again and again: bodies of gigabytes leave nothing behind for the garbage collector, and touch
 * the same few pages of memory. How many there are at once is bounded by who asks; those not in use are kept.
 */
export class BlockPool {
  readonly blockBytes: number;
  readonly #free: Buffer[] = [];

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes);
  }

  /** @param block from {@link take}, given back once and not used any more */
  giveBack(block: Buffer): void {
    this.#free.push(block);
  }
}
