import { getEventListeners } from 'node:events';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RateLimit } from './rate-limit.ts';

const never = new AbortController().signal;

// The clock and the timers, which move when they are told to.
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

/** Takes; `granted` holds the order in which that succeeded. */
function takeAs(limit: RateLimit, name: string, amount: number, granted: string[], signal = never): Promise<void> {
  return Promise.resolve(limit.take(amount, signal)).then(() => void granted.push(name));
}

/** A limit whose bucket is full. */
async function fullLimit(perSecond: number): Promise<RateLimit> {
  const limit = new RateLimit({ perSecond });
  await pass(10_000);
  return limit;
}

describe('RateLimit', () => {
  it('without a limit, and while there is enough, grants at once and makes no promise', async () => {
    const unlimited = new RateLimit();
    for (let i = 0; i < 1000; i++) expect(unlimited.take(1e12, never)).toBeUndefined();
    expect(unlimited.granted).toBe(1e15);
    const limit = await fullLimit(10);
    for (let i = 0; i < 10; i++) expect(limit.take(1, never)).toBeUndefined();
    expect(limit.take(1, never)).toBeInstanceOf(Promise);
    expect(vi.getTimerCount()).toBe(1);
    await pass(100);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('begins empty, and holds a second’s worth at most', async () => {
    const limit = new RateLimit({ perSecond: 10 });
    const granted: string[] = [];
    const first = takeAs(limit, 'first', 1, granted);
    await pass(99);
    expect(granted).toEqual([]);
    await pass(1);
    await first;
    await pass(60_000);
    for (let i = 0; i < 10; i++) expect(limit.take(1, never)).toBeUndefined();
    const next = takeAs(limit, 'next', 1, granted);
    await pass(99);
    expect(granted).toEqual(['first']);
    await pass(1);
    await next;
  });

  it('serves in the order of asking, by one timer, however many wait', async () => {
    const limit = new RateLimit({ perSecond: 10 });
    const granted: string[] = [];
    const names = Array.from({ length: 100 }, (_, i) => `${i}`);
    const { signal } = new AbortController();
    const all = Promise.all(names.map((name, i) => takeAs(limit, name, i % 3, granted, signal)));
    expect(vi.getTimerCount()).toBe(1);
    await pass(10_000);
    await all;
    expect(granted).toEqual(names);
    expect(vi.getTimerCount()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('saves up for an amount beyond a second’s worth; smaller ones do not pass it, and it waits no longer than it lasts', async () => {
    const limit = await fullLimit(10);
    const granted: string[] = [];
    const large = takeAs(limit, 'large', 256, granted);
    const small = takeAs(limit, 'small', 1, granted);
    await pass(24_599);
    expect(granted).toEqual([]);
    await pass(1);
    await large;
    await pass(99);
    expect(granted).toEqual(['large']);
    await pass(1);
    await small;
  });

  it('forgets whoever is aborted: what was saved up for it serves the others, and it takes nothing', async () => {
    const limit = new RateLimit({ perSecond: 10 });
    const granted: string[] = [];
    const aborts = [new AbortController(), new AbortController(), new AbortController()] as const;
    const large = takeAs(limit, 'large', 1000, granted, aborts[0].signal);
    const middle = takeAs(limit, 'middle', 5, granted, aborts[1].signal);
    const small = takeAs(limit, 'small', 2, granted);
    const last = takeAs(limit, 'last', 5, granted, aborts[2].signal);
    await pass(900);
    for (const [waiter, abort] of [
      [middle, aborts[1]],
      [last, aborts[2]],
      [large, aborts[0]],
    ] as const) {
      const reason = new Error('stopped');
      abort.abort(reason);
      await expect(waiter).rejects.toBe(reason);
    }
    await small;
    expect(granted).toEqual(['small']);
    expect(limit.granted).toBe(2);
    expect(vi.getTimerCount()).toBe(0);
    const aborted = AbortSignal.abort(new Error('before'));
    await expect(limit.take(50, aborted)).rejects.toThrow('before');
    // 9 were there, 2 are gone; what was saved up beyond a second's worth is not kept.
    expect(limit.take(7, never)).toBeUndefined();
    expect(limit.take(1, never)).toBeInstanceOf(Promise);
  });

  it('goes by a new rate at once, also for those who wait', async () => {
    const limit = new RateLimit({ perSecond: 1 });
    const granted: string[] = [];
    const first = takeAs(limit, 'first', 100, granted);
    await pass(10_000);
    limit.setPerSecond(90);
    await pass(1000);
    await first;
    const second = takeAs(limit, 'second', 90, granted);
    limit.setPerSecond(0.01);
    await pass(60_000);
    expect(granted).toEqual(['first']);
    limit.setPerSecond(Infinity);
    await second;
    expect(limit.take(1e9, never)).toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('has nothing saved up from the time without a limit, and no more than a second’s worth of a lower one', async () => {
    const limit = await fullLimit(10);
    expect(limit.take(1, never)).toBeUndefined();
    limit.setPerSecond(Infinity);
    await pass(10_000);
    limit.setPerSecond(10);
    expect(limit.take(1, never)).toBeInstanceOf(Promise);
    await pass(10_000);
    limit.setPerSecond(2);
    expect(limit.take(2, never)).toBeUndefined();
    const granted: string[] = [];
    const next = takeAs(limit, 'next', 1, granted);
    await pass(499);
    expect(granted).toEqual([]);
    await pass(1);
    await next;
  });

  it('in any time grants no more than the rate times that time and what the bucket can hold, in order, and all in the end', async () => {
    const step = fc.record({
      takes: fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 5 }),
      passMs: fc.integer({ min: 0, max: 3000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.array(step, { maxLength: 20 }), async (perSecond, steps) => {
        const limit = new RateLimit({ perSecond });
        const grants: { readonly at: number; readonly index: number; readonly amount: number }[] = [];
        const startedAt = performance.now();
        let asked = 0;
        const pending: Promise<void>[] = [];
        for (const { takes, passMs } of steps) {
          for (const amount of takes) {
            const index = asked++;
            const taken = Promise.resolve(limit.take(amount, never));
            pending.push(taken.then(() => void grants.push({ at: performance.now(), index, amount })));
          }
          await pass(passMs);
        }
        await pass(
          (steps.flatMap(({ takes }) => takes).reduce((sum, amount) => sum + amount, 0) / perSecond + 1) * 1000,
        );
        await Promise.all(pending);
        expect(grants.map(({ index }) => index)).toEqual(Array.from({ length: asked }, (_, index) => index));
        const largest = Math.max(perSecond, ...grants.map(({ amount }) => amount));
        for (const [first, { at }] of grants.entries()) {
          let sum = 0;
          for (const grant of grants.slice(first)) {
            sum += grant.amount;
            // A hundredth for the rounding of sums.
            expect(sum).toBeLessThanOrEqual(((grant.at - at) / 1000) * perSecond + largest + 0.01);
          }
        }
        let sum = 0;
        for (const { at, amount } of grants) {
          sum += amount;
          expect(sum).toBeLessThanOrEqual(((at - startedAt) / 1000) * perSecond + 0.01);
        }
      }),
      { numRuns: 60 },
    );
  });
});
