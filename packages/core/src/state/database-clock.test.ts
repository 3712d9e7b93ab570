import { beforeEach, expect, it } from 'vitest';
import { DatabaseClock } from './database-clock.ts';

let hostMs: number;
let aheadMs: number;
let roundTripsMs: number[];
let asked: number;
let clock: DatabaseClock;

beforeEach(() => {
  hostMs = Date.UTC(2026, 0, 1);
  aheadMs = 90_000;
  roundTripsMs = [];
  asked = 0;
  clock = new DatabaseClock({
    hostNow: () => hostMs,
    databaseNow: async () => {
      asked++;
      const roundTripMs = roundTripsMs.shift() ?? 2;
      hostMs += roundTripMs;
      return hostMs - roundTripMs / 2 + aheadMs;
    },
  });
});

it('says what the database says, whatever the way there takes', async () => {
  roundTripsMs = [40, 30, 20];
  expect(await clock.now()).toBe(hostMs + aheadMs);
});

it('believes the quickest answer: a slow one may have waited on one of the two ways', async () => {
  clock = new DatabaseClock({
    hostNow: () => hostMs,
    databaseNow: async () => {
      const waitMs = asked++ === 0 ? 3000 : 0;
      hostMs += waitMs + 2;
      return hostMs - 1 + aheadMs;
    },
  });
  expect(await clock.measure()).toBe(aheadMs);
});

it('asks again after a minute, and not before', async () => {
  await clock.now();
  const first = asked;
  hostMs += 59_000;
  await clock.now();
  expect(asked).toBe(first);
  hostMs += 1000;
  aheadMs = -500;
  expect(await clock.now()).toBe(hostMs + aheadMs);
});

it('asks again where the clock of the host was set back', async () => {
  await clock.now();
  hostMs -= 3_600_000;
  aheadMs += 3_600_000;
  expect(await clock.now()).toBe(hostMs + aheadMs);
});

it('asks once for all who want to know at the same time', async () => {
  await Promise.all([clock.now(), clock.now(), clock.now()]);
  expect(asked).toBe(3);
});
