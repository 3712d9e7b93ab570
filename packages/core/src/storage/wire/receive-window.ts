import type { BlockPool } from './block-pool.ts';

/** Bytes of a block that are ready to be used. */
export interface FilledBlock {
  readonly block: Buffer;
  readonly start: number;
  readonly end: number;
}

/** `end` moves on as bytes arrive, `start` where they are taken before the block is full. */
interface FillingBlock {
  readonly block: Buffer;
  start: number;
  end: number;
}

/**
 * The blocks of one answer: while one is in the consumer's hands, the next is being filled. Never more than two; what
 * arrives beyond, because the layer below had it decrypted already, waits beside them.
 */
export class ReceiveWindow {
  readonly #pool: BlockPool;
  readonly #ready: FilledBlock[] = [];
  readonly #overflow: Buffer[] = [];
  #filling: FillingBlock | undefined;
  #taken: Buffer | undefined;
  #blocks = 0;

  constructor(pool: BlockPool) {
    this.#pool = pool;
  }

  /** Where the next bytes may be put; empty where they must wait. */
  get room(): Buffer | undefined {
    const filling = this.#current();
    return filling === undefined || this.#overflow.length > 0 ? undefined : filling.block.subarray(filling.end);
  }

  get hasFullBlock(): boolean {
    return this.#ready.length > 0;
  }

  get hasOverflow(): boolean {
    return this.#overflow.length > 0;
  }

  /**
   * Bytes have arrived, in {@link room} or elsewhere. What finds no room is copied, to come back by {@link drainOverflow}.
   * @param decode gets them in their place, and says where they end once decoded
   */
  add(bytes: Buffer, decode: (block: Buffer, start: number, end: number) => number): void {
    if (this.#overflow.length > 0) {
      this.#overflow.push(Buffer.from(bytes));
      return;
    }
    const rest = this.#put(bytes, decode);
    if (rest.length > 0) this.#overflow.push(Buffer.from(rest));
  }

  /** Puts what has waited into blocks that have become free. */
  drainOverflow(decode: (block: Buffer, start: number, end: number) => number): void {
    for (let bytes = this.#overflow.shift(); bytes !== undefined; bytes = this.#overflow.shift()) {
      const rest = this.#put(bytes, decode);
      if (rest.length > 0) {
        this.#overflow.unshift(rest);
        return;
      }
    }
  }

  #put(bytes: Buffer, decode: (block: Buffer, start: number, end: number) => number): Buffer {
    let rest = bytes;
    while (rest.length > 0) {
      const filling = this.#current();
      if (filling === undefined) return rest;
      const { block, end } = filling;
      const isInPlace = rest.buffer === block.buffer && rest.byteOffset === block.byteOffset + end;
      const piece = rest.subarray(0, block.length - end);
      if (!isInPlace) piece.copy(block, end);
      rest = rest.subarray(piece.length);
      filling.end = decode(block, end, end + piece.length);
      if (filling.end === block.length) this.#completeBlock();
    }
    return rest;
  }

  /** No more comes into the block that is being filled. */
  flush(): void {
    if (this.#filling !== undefined) this.#completeBlock();
  }

  /**
   * The next full block, or the last one. The one before is given back by this.
   * @param early also what is in one that is not full yet
   */
  take(early = false): FilledBlock | undefined {
    this.#giveBackTaken();
    if (early && this.#ready.length === 0 && this.#filling !== undefined) return copyOf(this.#filling);
    const next = this.#ready.shift();
    this.#taken = next?.block;
    return next;
  }

  /**
   * Gives everything back.
   * @param isRoomFree false where somebody may yet write into {@link room}: that block is left to the garbage collector
   */
  release(isRoomFree: boolean): void {
    this.#giveBackTaken();
    for (const { block } of this.#ready.splice(0)) this.#giveBack(block);
    if (this.#filling !== undefined && isRoomFree) this.#giveBack(this.#filling.block);
    this.#filling = undefined;
    this.#overflow.length = 0;
  }

  #current(): FillingBlock | undefined {
    if (this.#filling === undefined && this.#blocks < 2) {
      this.#blocks++;
      this.#filling = { block: this.#pool.take(), start: 0, end: 0 };
    }
    return this.#filling;
  }

  #completeBlock(): void {
    if (this.#filling === undefined) return;
    if (this.#filling.end > this.#filling.start) this.#ready.push(this.#filling);
    else this.#giveBack(this.#filling.block);
    this.#filling = undefined;
  }

  #giveBackTaken(): void {
    if (this.#taken !== undefined) this.#giveBack(this.#taken);
    this.#taken = undefined;
  }

  #giveBack(block: Buffer): void {
    this.#blocks--;
    this.#pool.giveBack(block);
  }
}

/** The socket may be about to go on filling the block: what is taken early is taken out of it. */
function copyOf(filling: FillingBlock): FilledBlock | undefined {
  const { block, start, end } = filling;
  if (start === end) return undefined;
  filling.start = end;
  return { block: Buffer.from(block.subarray(start, end)), start: 0, end: end - start };
}
