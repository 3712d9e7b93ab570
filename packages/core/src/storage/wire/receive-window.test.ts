import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BlockPool } from './block-pool.ts';
import { ReceiveWindow, type FilledBlock } from './receive-window.ts';

const BLOCK_BYTES = 16;

/** Knows what is out, and fails where a block is given back that is not, or given out that is in use. */
class WatchedPool extends BlockPool {
  readonly out = new Set<Buffer>();
  most = 0;

  constructor() {
    super(BLOCK_BYTES);
  }

  override take(): Buffer {
    const block = super.take();
    if (this.out.has(block)) throw new Error('the block is in use');
    this.out.add(block);
    this.most = Math.max(this.most, this.out.size);
    return block;
  }

  override giveBack(block: Buffer): void {
    if (!this.out.delete(block)) throw new Error('the block is not in use');
    // Whoever still looks at it sees it.
    block.fill(0xee);
    super.giveBack(block);
  }
}

const asIs = (_block: Buffer, _start: number, end: number): number => end;

/** As if every odd byte were framing. */
function dropOdd(block: Buffer, start: number, end: number): number {
  let to = start;
  for (let at = start; at < end; at++) if ((block[at] ?? 0) % 2 === 0) block[to++] = block[at] ?? 0;
  return to;
}

function bytesOf({ block, start, end }: FilledBlock): Buffer {
  return block.subarray(start, end);
}

/**
 * Plays a socket: what arrives is put into the room that was offered after the read before, as the C++ side does, or
 * elsewhere where there was none.
 */
class Arrivals {
  readonly #window: ReceiveWindow;
  #next = 0;
  #room: Buffer | undefined;
  sent: number[] = [];

  constructor(window: ReceiveWindow) {
    this.#window = window;
  }

  arrive(count: number, decode = asIs): void {
    const into = this.#room ?? Buffer.alloc(BLOCK_BYTES * 3);
    const bytes = into.subarray(0, Math.min(count, into.length));
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] = this.#next;
      this.sent.push(this.#next);
      this.#next = (this.#next + 1) % 251;
    }
    this.#window.add(bytes, decode);
    this.#room = this.#window.room;
  }

  /** As on a socket that was paused: the first bytes after it come into a buffer of its own. */
  forgetRoom(): void {
    this.#room = undefined;
  }
}

type Action = { readonly kind: 'arrive'; readonly count: number } | { readonly kind: 'take'; readonly early: boolean };

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ kind: fc.constant('arrive' as const), count: fc.integer({ min: 1, max: BLOCK_BYTES * 3 }) }),
  fc.record({ kind: fc.constant('take' as const), early: fc.boolean() }),
);

describe('a receive window', () => {
  test('hands on what came in, in order, in two blocks at most, none of them twice while it is in use', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), fc.boolean(), (actions, forgets) => {
        const pool = new WatchedPool();
        const window = new ReceiveWindow(pool);
        const arrivals = new Arrivals(window);
        const received: number[] = [];
        let held: { readonly piece: Buffer; readonly copy: Buffer } | undefined;
        const take = (early: boolean): boolean => {
          // What was handed out is untouched until the next is asked for.
          expect(held?.piece).toEqual(held?.copy);
          const filled = window.take(early);
          window.drainOverflow(asIs);
          held = filled && { piece: bytesOf(filled), copy: Buffer.from(bytesOf(filled)) };
          expect(held?.piece.length).not.toBe(0);
          received.push(...(held?.piece ?? []));
          return filled !== undefined;
        };
        for (const step of actions) {
          if (step.kind === 'take') {
            const hadNoRoom = window.room === undefined;
            take(step.early);
            if (hadNoRoom || forgets) arrivals.forgetRoom();
          } else arrivals.arrive(step.count);
          expect(window.hasOverflow && window.room !== undefined).toBe(false);
        }
        while (window.hasOverflow || window.hasFullBlock) take(false);
        window.flush();
        while (take(false));
        expect(received).toEqual(arrivals.sent);
        expect(pool.most).toBeLessThanOrEqual(2);
        window.release(true);
        expect(pool.out.size).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  test('hands on what is left of it when framing is taken out in place', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: BLOCK_BYTES * 2 })), (counts) => {
        const window = new ReceiveWindow(new WatchedPool());
        const arrivals = new Arrivals(window);
        const received: number[] = [];
        const takeAll = () => {
          for (let next = window.take(); next !== undefined; next = window.take()) {
            received.push(...bytesOf(next));
            window.drainOverflow(dropOdd);
          }
        };
        for (const count of counts) {
          arrivals.arrive(count, dropOdd);
          if (window.room === undefined) {
            takeAll();
            arrivals.forgetRoom();
          }
        }
        takeAll();
        window.flush();
        takeAll();
        expect(received).toEqual(arrivals.sent.filter((byte) => byte % 2 === 0));
        window.release(true);
      }),
    );
  });

  test('has no room while one block is full and the other in use', () => {
    const window = new ReceiveWindow(new WatchedPool());
    const arrivals = new Arrivals(window);
    arrivals.arrive(BLOCK_BYTES);
    arrivals.arrive(BLOCK_BYTES);
    expect(window.room).toBeUndefined();
    window.take();
    expect(window.room).toBeUndefined();
    window.take();
    expect(window.room).toHaveLength(BLOCK_BYTES);
    window.release(true);
  });

  test('gives what is taken early out of the block that is still filled, and never again', () => {
    const window = new ReceiveWindow(new WatchedPool());
    const arrivals = new Arrivals(window);
    arrivals.arrive(5);
    const early = window.take(true);
    expect(early && [...bytesOf(early)]).toEqual([0, 1, 2, 3, 4]);
    expect(window.take(true)).toBeUndefined();
    arrivals.arrive(BLOCK_BYTES - 5);
    const rest = window.take();
    expect(rest && [...bytesOf(rest)]).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    window.release(true);
  });

  test('keeps a block out of the pool that somebody may yet write into', () => {
    const pool = new WatchedPool();
    const window = new ReceiveWindow(pool);
    new Arrivals(window).arrive(5);
    const room = window.room;
    window.release(false);
    expect(pool.out.size).toBe(1);
    const others = [pool.take(), pool.take()];
    expect(others.map((block) => block.buffer === room?.buffer)).toEqual([false, false]);
  });
});
