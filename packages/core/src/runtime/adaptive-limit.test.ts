import { describe, expect, test } from 'vitest';
import { AdaptiveLimit, type AdaptivePermit } from './adaptive-limit.ts';

const never = new AbortController().signal;

class Bench {
  nowMs = 0;
  readonly limit: AdaptiveLimit;

  constructor(initial: number, bounds: { readonly min?: number; readonly max?: number } = {}) {
    const { min = 1, max = 1000 } = bounds;
    this.limit = new AdaptiveLimit({ initial, min, max, now: () => this.nowMs });
  }

  async takeAll(): Promise<AdaptivePermit[]> {
    const permits: AdaptivePermit[] = [];
    while (this.limit.active < this.limit.limit) permits.push(await this.limit.acquire(never));
    return permits;
  }

  /** One more asks for a place than there are, and gives up: the limit has been felt. */
  async saturate(): Promise<void> {
    const controller = new AbortController();
    const waiting = this.limit.acquire(controller.signal);
    controller.abort();
    await waiting.catch(() => undefined);
  }

  /** As many requests as fit, all done after one second, together achieving `rate`. */
  async round(rate: number): Promise<number> {
    const permits = await this.takeAll();
    await this.saturate();
    this.nowMs += 1000;
    for (const permit of permits) permit.release('succeeded', rate / permits.length);
    return this.limit.limit;
  }
}

describe('the limit', () => {
  test('starts within its bounds', () => {
    expect(new Bench(8).limit.limit).toBe(8);
    expect(new Bench(8, { min: 10 }).limit.limit).toBe(10);
    expect(new Bench(8, { max: 4 }).limit.limit).toBe(4);
  });

  test('grows by an eighth, at least by one, while the rate grows', async () => {
    const bench = new Bench(4);
    const limits: number[] = [];
    for (const rate of [100, 200, 300, 400]) limits.push(await bench.round(rate));
    expect(limits).toEqual([5, 6, 7, 8]);
    const large = new Bench(64);
    expect([await large.round(100), await large.round(200)]).toEqual([72, 81]);
  });

  test('takes the step back where growing did not help, and holds still', async () => {
    const bench = new Bench(16);
    expect(await bench.round(100)).toBe(18);
    expect(await bench.round(101)).toBe(16);
    for (let i = 0; i < 10; i++) expect(await bench.round(100)).toBe(16);
  });

  test('tries a larger one again after a while, since conditions change', async () => {
    const bench = new Bench(16);
    await bench.round(100);
    await bench.round(100);
    const limits: number[] = [];
    for (let i = 0; i < 21; i++) limits.push(await bench.round(50));
    expect(limits.slice(0, 19)).toEqual(Array.from({ length: 19 }, () => 16));
    expect(limits.slice(19)).toEqual([18, 16]);
    // The rate to beat is the one of now, not that of better days.
    expect(await bench.round(80)).toBe(18);
  });

  test('stays at its maximum while nothing is wrong', async () => {
    const bench = new Bench(15, { max: 16 });
    for (let i = 0; i < 50; i++) expect(await bench.round(100 * (i + 1))).toBe(16);
    for (let i = 0; i < 50; i++) expect(await bench.round(5000)).toBe(16);
  });

  test('does not grow where nobody ran into it', async () => {
    const bench = new Bench(8);
    for (let i = 0; i < 5; i++) {
      const permits = await bench.takeAll();
      bench.nowMs += 1000;
      for (const permit of permits) permit.release('succeeded', 100 * (i + 1));
    }
    expect(bench.limit.limit).toBe(8);
  });

  test('is not judged within less than 250 ms or fewer requests than it lets through', async () => {
    const bench = new Bench(4);
    const permits = await bench.takeAll();
    await bench.saturate();
    bench.nowMs += 1000;
    for (const permit of permits.slice(1)) permit.release('succeeded', 1);
    expect(bench.limit.limit).toBe(4);
    permits[0]?.release('succeeded', 1);
    expect(bench.limit.limit).toBe(5);

    const quick = new Bench(4);
    const quickPermits = await quick.takeAll();
    await quick.saturate();
    quick.nowMs += 249;
    for (const permit of quickPermits) permit.release('succeeded', 1);
    expect(quick.limit.limit).toBe(4);
  });

  test('counts what failed for nothing', async () => {
    const bench = new Bench(8);
    expect(await bench.round(100)).toBe(9);
    const permits = await bench.takeAll();
    await bench.saturate();
    bench.nowMs += 1000;
    for (const permit of permits) permit.release('failed', 1000);
    expect(bench.limit.limit).toBe(8);
  });
});

describe('an overload', () => {
  test('that a request overcomes halves the limit all the same, once', async () => {
    const bench = new Bench(64);
    const [first, second] = await bench.takeAll();
    first?.slowDown();
    first?.slowDown();
    second?.slowDown();
    expect(bench.limit.limit).toBe(32);
    expect(bench.limit.active).toBe(64);
    first?.release('succeeded', 1);
    first?.slowDown();
    expect(bench.limit.limit).toBe(32);
  });

  test('halves the limit, once for all that were under way', async () => {
    const bench = new Bench(64);
    const permits = await bench.takeAll();
    for (const permit of permits) permit.release('overload', 0);
    expect(bench.limit.limit).toBe(32);
    expect(bench.limit.active).toBe(0);
    const [again] = await bench.takeAll();
    again?.release('overload', 0);
    expect(bench.limit.limit).toBe(16);
  });

  test('halves it too where the request began a round earlier', async () => {
    const bench = new Bench(16);
    const slow = await bench.limit.acquire(never);
    const permits = await bench.takeAll();
    await bench.saturate();
    bench.nowMs += 1000;
    for (const permit of permits) {
      permit.release('succeeded', 1);
      (await bench.limit.acquire(never)).release('succeeded', 1);
    }
    expect(bench.limit.limit).toBeGreaterThan(16);
    const before = bench.limit.limit;
    slow.release('overload', 0);
    expect(bench.limit.limit).toBe(Math.floor(before / 2));
  });

  test('never pushes it below the minimum', async () => {
    const bench = new Bench(4, { min: 3 });
    for (let i = 0; i < 5; i++) (await bench.limit.acquire(never)).release('overload', 0);
    expect(bench.limit.limit).toBe(3);
  });

  test('is followed by growing again', async () => {
    const bench = new Bench(16);
    await bench.round(1000);
    const [one] = await bench.takeAll();
    one?.release('overload', 0);
    // The rest of the old round is still on its way out.
    expect(bench.limit.limit).toBe(9);
    const fresh = new Bench(16);
    (await fresh.limit.acquire(never)).release('overload', 0);
    expect([await fresh.round(10), await fresh.round(20)]).toEqual([9, 10]);
  });
});

describe('a place', () => {
  test('is waited for while there are none, first come first served', async () => {
    const bench = new Bench(1);
    const order: string[] = [];
    const holder = await bench.limit.acquire(never);
    const first = bench.limit.acquire(never).then((permit) => {
      order.push('first');
      return permit;
    });
    const second = bench.limit.acquire(never).then((permit) => {
      order.push('second');
      return permit;
    });
    expect(bench.limit.active).toBe(1);
    holder.release('succeeded', 1);
    (await first).release('succeeded', 1);
    (await second).release('succeeded', 1);
    expect(order).toEqual(['first', 'second']);
    expect(bench.limit.active).toBe(0);
  });

  test('is given back once, however often it is released', async () => {
    const bench = new Bench(4);
    const [permit] = await bench.takeAll();
    permit?.release('succeeded', 1);
    permit?.release('overload', 1);
    expect(bench.limit.active).toBe(3);
    expect(bench.limit.limit).toBe(4);
  });

  test('is not lost when the signal aborts while waiting', async () => {
    const bench = new Bench(1);
    const holder = await bench.limit.acquire(never);
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const aborted = bench.limit.acquire(controller.signal);
    const patient = bench.limit.acquire(never);
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(bench.limit.active).toBe(1);
    holder.release('succeeded', 1);
    (await patient).release('succeeded', 1);
    expect(bench.limit.active).toBe(0);
  });

  test('is refused when the signal has aborted already', async () => {
    const bench = new Bench(1);
    const reason = new Error('shutting down');
    await expect(bench.limit.acquire(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(bench.limit.active).toBe(0);
  });

  test('after a halving is free only once enough of the old ones are', async () => {
    const bench = new Bench(4);
    const [overloaded, ...rest] = await bench.takeAll();
    let granted = false;
    const waiting = bench.limit.acquire(never).then((permit) => {
      granted = true;
      return permit;
    });
    overloaded?.release('overload', 0);
    rest[0]?.release('succeeded', 1);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(granted).toBe(false);
    rest[1]?.release('succeeded', 1);
    await waiting;
    expect(bench.limit.active).toBe(2);
  });
});
