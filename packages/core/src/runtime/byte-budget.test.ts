import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteBudget } from './byte-budget.ts';

const never = new AbortController().signal;

/** Starts acquiring; `taken` holds the order in which the places were given. */
function acquireAs(budget: ByteBudget, name: string, bytes: number, taken: string[], signal = never) {
  return budget.acquire(bytes, signal).then((release) => {
    taken.push(name);
    return release;
  });
}

/** Lets every promise that can settle do so. */
function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

test('gives out bytes until there are too few', async () => {
  const budget = new ByteBudget(10);
  const taken: string[] = [];
  const first = await acquireAs(budget, 'first', 6, taken);
  await acquireAs(budget, 'second', 4, taken);
  expect(budget.usedBytes).toBe(10);
  const third = acquireAs(budget, 'third', 5, taken);
  await settle();
  expect(taken).toEqual(['first', 'second']);
  first();
  await third;
  expect(budget.usedBytes).toBe(9);
});

test('serves in the order of asking: a large request is not passed by small ones', async () => {
  const budget = new ByteBudget(10);
  const taken: string[] = [];
  const holder = await acquireAs(budget, 'holder', 8, taken);
  const large = acquireAs(budget, 'large', 9, taken);
  const small = acquireAs(budget, 'small', 1, taken);
  const empty = acquireAs(budget, 'empty', 0, taken);
  await settle();
  expect(taken).toEqual(['holder']);
  holder();
  await Promise.all([large, small, empty]);
  expect(taken).toEqual(['holder', 'large', 'small', 'empty']);
});

test('lets a request beyond the whole capacity run alone', async () => {
  const budget = new ByteBudget(10);
  const taken: string[] = [];
  const small = await acquireAs(budget, 'small', 1, taken);
  const huge = acquireAs(budget, 'huge', 1_000_000, taken);
  await settle();
  expect(taken).toEqual(['small']);
  small();
  const releaseHuge = await huge;
  expect(budget.usedBytes).toBe(10);
  const next = acquireAs(budget, 'next', 1, taken);
  await settle();
  expect(taken).toEqual(['small', 'huge']);
  releaseHuge();
  await next;
  expect(budget.usedBytes).toBe(1);
});

test('gives bytes back once, however often they are released', async () => {
  const budget = new ByteBudget(10);
  const release = await budget.acquire(4, never);
  await budget.acquire(4, never);
  release();
  release();
  expect(budget.usedBytes).toBe(4);
});

test('takes nothing when the signal aborts while waiting, and serves those behind', async () => {
  const budget = new ByteBudget(10);
  const taken: string[] = [];
  const holder = await acquireAs(budget, 'holder', 8, taken);
  const controller = new AbortController();
  const reason = new Error('shutting down');
  const large = acquireAs(budget, 'large', 9, taken, controller.signal);
  const small = acquireAs(budget, 'small', 2, taken);
  controller.abort(reason);
  await expect(large).rejects.toBe(reason);
  await small;
  expect(budget.usedBytes).toBe(10);
  holder();
  expect(budget.usedBytes).toBe(2);
  expect(taken).toEqual(['holder', 'small']);
});

test('takes nothing when the signal has aborted already', async () => {
  const budget = new ByteBudget(10);
  const reason = new Error('shutting down');
  await expect(budget.acquire(1, AbortSignal.abort(reason))).rejects.toBe(reason);
  expect(budget.usedBytes).toBe(0);
});

test('keeps its bytes when the signal aborts after they were given', async () => {
  const budget = new ByteBudget(10);
  const holder = await budget.acquire(10, never);
  const controller = new AbortController();
  const waiting = budget.acquire(3, controller.signal);
  holder();
  controller.abort();
  const release = await waiting;
  expect(budget.usedBytes).toBe(3);
  release();
  expect(budget.usedBytes).toBe(0);
});

test('never gives out more than it has and never loses a byte', async () => {
  const step = fc.record({ bytes: fc.nat({ max: 15 }), action: fc.constantFrom('acquire', 'release', 'abort') });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const budget = new ByteBudget(10);
      const requests: { readonly controller: AbortController; readonly settled: Promise<unknown> }[] = [];
      const releases: (() => void)[] = [];
      for (const { bytes, action } of steps) {
        if (action === 'acquire') {
          const controller = new AbortController();
          const settled = budget.acquire(bytes, controller.signal).then(
            (release) => releases.push(release),
            () => undefined,
          );
          requests.push({ controller, settled });
        } else if (action === 'release') releases.shift()?.();
        else requests.at(bytes % Math.max(1, requests.length))?.controller.abort();
        await settle();
        expect(budget.usedBytes).toBeLessThanOrEqual(10);
      }
      for (const { controller } of requests) controller.abort();
      await Promise.all(requests.map(({ settled }) => settled));
      for (const release of releases) release();
      expect(budget.usedBytes).toBe(0);
    }),
  );
});
