import { beforeEach, describe, expect, it } from 'vitest';
import { DatabaseClock } from './database-clock.ts';

let hostMs: number;
let monotonicMs: number;
let databaseMs: number;
let roundTripsMs: number[];
let asked: number;
let clock: DatabaseClock;

function pass(ms: number): void {
  hostMs += ms;
  monotonicMs += ms;
  databaseMs += ms;
}

beforeEach(() => {
  hostMs = Date.UTC(2026, 0, 1);
  monotonicMs = 1234.5;
  databaseMs = hostMs + 90_000;
  roundTripsMs = [];
  asked = 0;
  clock = new DatabaseClock({
    monotonicNow: () => monotonicMs,
    hostNow: () => hostMs,
    databaseNow: async () => {
      asked++;
      const roundTripMs = roundTripsMs.shift() ?? 2;
      pass(roundTripMs / 2);
      const answer = databaseMs;
      pass(roundTripMs / 2);
      return answer;
    },
  });
});

it('says what the database says, whatever the way there takes', async () => {
  roundTripsMs = [40, 30, 20];
  expect(await clock.now()).toBe(databaseMs);
  pass(30_000);
  expect(await clock.now()).toBe(databaseMs);
});

it('believes the quickest answer: a slow one may have waited on one of the two ways', async () => {
  clock = new DatabaseClock({
    monotonicNow: () => monotonicMs,
    hostNow: () => hostMs,
    databaseNow: async () => {
      pass(1);
      const answer = databaseMs;
      pass(asked++ === 0 ? 3001 : 1);
      return answer;
    },
  });
  expect(await clock.now()).toBe(databaseMs);
});

it('asks again after a minute, and not before', async () => {
  await clock.now();
  const first = asked;
  pass(59_000);
  await clock.now();
  expect(asked).toBe(first);
  pass(1000);
  databaseMs -= 90_500;
  expect(await clock.now()).toBe(databaseMs);
});

describe('where the clock of the host is set', () => {
  it.each([-3_600_000, 3_600_000])('by %d ms, says what the database says all the same', async (stepMs) => {
    await clock.now();
    hostMs += stepMs;
    expect(await clock.now()).toBe(databaseMs);
    pass(1000);
    const before = asked;
    expect(await clock.now()).toBe(databaseMs);
    expect(asked).toBe(before);
  });

  it('by little, does not even ask', async () => {
    await clock.now();
    const before = asked;
    hostMs += 500;
    expect(await clock.now()).toBe(databaseMs);
    expect(asked).toBe(before);
  });
});

it('asks again where the host was suspended, for which its own time stands still', async () => {
  await clock.now();
  hostMs += 20_000;
  databaseMs += 20_000;
  expect(await clock.now()).toBe(databaseMs);
});

it('asks once for all who want to know at the same time', async () => {
  await Promise.all([clock.now(), clock.now(), clock.now()]);
  expect(asked).toBe(3);
});
