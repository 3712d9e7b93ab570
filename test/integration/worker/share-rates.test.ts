import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import { type FleetLimits, LIMITS_REQUEST, recordedRamp } from '@object-transfer/core/runtime/fleet-limits';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { RateLimit } from '@object-transfer/core/runtime/rate-limit';
import { changeLimits, readLimits } from '@object-transfer/operator/fleet-limits';
import { runCdnTransfer } from '@object-transfer/worker/cdn-transfer/run-cdn-transfer';
import { TransferCounters } from '@object-transfer/worker/cdn-transfer/transfer-counters';
import type { TransferRates } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { beginSharingRates } from '@object-transfer/worker/share-rates';
import { Clouds, never } from '../../fixtures/clouds.ts';
import { LEASE_MS, openTestState, type TestState } from './embedded-state.ts';

const MINUTE_MS = 60_000;
const LIMITS: FleetLimits = {
  maxBytesPerSecond: 1200,
  writeRamp: { startPerSecond: 600, doublingMs: 20 * MINUTE_MS },
};
const REFRESH_MS = 5;

let state: TestState;
let cleanup: AsyncDisposableStack;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  state = await openTestState();
  cleanup.defer(() => state.close());
});
afterEach(() => cleanup.disposeAsync());

type LogLine = Readonly<Record<string, unknown>>;

/** A row of the workers table, and the rates that its worker would go by. */
async function join(
  workerId: string,
  limits = LIMITS,
): Promise<TransferRates & { readonly lines: readonly LogLine[] }> {
  const { stateStore } = state;
  const rates = { writes: new RateLimit(), bytes: new RateLimit() };
  const lines: LogLine[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) });
  await report(workerId);
  cleanup.defer(await beginSharingRates({ stateStore, limits, rates, logger, refreshMs: REFRESH_MS }, never));
  return { ...rates, lines };
}

function report(workerId: string, hasEnded = false): Promise<void> {
  const worker = { workerId, runId: undefined, mode: 'cdnTransfer', host: 'host', pid: 1, counters: {} };
  return state.stateStore.reportWorker({ ...worker, hasEnded });
}

/** Ends with the test, too, where that has failed. */
async function until(isReached: () => boolean | Promise<boolean>): Promise<void> {
  const test = cleanup;
  while (!test.disposed && !(await isReached())) await delay(1);
}

/** Has a worker look at the state, and do all that follows from that. */
async function look({ bytes }: TransferRates): Promise<void> {
  // What follows from one look is done when the next one shows.
  for (const maxBytesPerSecond of [9001, 9002]) {
    await changeLimits(state.stateStore, { maxBytesPerSecond });
    await until(() => bytes.perSecond === maxBytesPerSecond);
  }
}

const ramp = async () => recordedRamp(await state.stateStore.readFleet(LIMITS_REQUEST));

describe('workers that share the limits of a fleet', () => {
  it('have the whole alone, and each the same part together, as others come, end and die', async () => {
    const first = await join('first');
    expect([first.bytes.perSecond, first.writes.perSecond]).toEqual([1200, 600]);
    const second = await join('second');
    // Whoever joins begins with its own part.
    expect([second.bytes.perSecond, second.writes.perSecond]).toEqual([600, 300]);
    await until(() => first.bytes.perSecond === 600 && first.writes.perSecond === 300);
    const third = await join('third');
    await until(() => [first, second, third].every(({ bytes }) => bytes.perSecond === 400));
    await report('third', true);
    await until(() => first.bytes.perSecond === 600);
    // Without a sign of life of all but one.
    state.advance(MINUTE_MS);
    await report('first');
    await until(() => first.bytes.perSecond === 1200 && first.writes.perSecond === 600);
  });

  it('go by what an operator sets while they run, and by their configuration again after that', async () => {
    const first = await join('first');
    const unlimited = await join('second', { maxBytesPerSecond: undefined, writeRamp: undefined });
    expect(unlimited.bytes.perSecond).toBe(Infinity);
    await changeLimits(state.stateStore, { maxBytesPerSecond: 5000, maxWritesPerSecond: 10 });
    await until(() =>
      [first, unlimited].every(({ bytes, writes }) => bytes.perSecond === 2500 && writes.perSecond === 5),
    );
    await changeLimits(state.stateStore, { maxBytesPerSecond: 'none', maxWritesPerSecond: 'none' });
    await until(() => first.bytes.perSecond === Infinity && first.writes.perSecond === Infinity);
    await changeLimits(state.stateStore, { maxBytesPerSecond: 'default', maxWritesPerSecond: 'default' });
    await until(() => first.bytes.perSecond === 600 && unlimited.bytes.perSecond === Infinity);
  });

  it('say so once whenever their share has changed by a quarter', async () => {
    const first = await join('first');
    expect(first.lines).toMatchObject([{ liveWorkers: 1, bytesPerSecond: 1200, writesPerSecond: 600 }]);
    await changeLimits(state.stateStore, { maxBytesPerSecond: 1400 });
    await until(() => first.bytes.perSecond === 1400);
    await changeLimits(state.stateStore, { maxBytesPerSecond: 1600 });
    await until(() => first.lines.length === 2);
    expect(first.lines[1]).toMatchObject({ liveWorkers: 1, bytesPerSecond: 1600, writesPerSecond: 600 });
    await changeLimits(state.stateStore, { maxWritesPerSecond: 'none' });
    await until(() => first.lines.length === 3);
    expect(first.lines[2]).toMatchObject({ bytesPerSecond: 1600 });
    expect(first.lines[2]).not.toHaveProperty('writesPerSecond');
    await changeLimits(state.stateStore, { maxBytesPerSecond: 'none' });
    await until(() => first.lines.length === 4);
    expect(first.lines[3]).toMatchObject({ msg: 'no limit of the fleet holds any more' });
  });

  it('keep their last share while the state is away, and warn once', async () => {
    const first = await join('first');
    using database = new DatabaseSync(state.file);
    const rename = (from: string, to: string): void =>
      database.exec(`ALTER TABLE object_transfer_state_${from} RENAME TO object_transfer_state_${to}`);
    await changeLimits(state.stateStore, { maxBytesPerSecond: 2000 });
    await until(() => first.bytes.perSecond === 2000);
    const warnings = () => first.lines.filter(({ level }) => level === 40);
    rename('controls', 'gone');
    await until(() => warnings().length === 1);
    expect(warnings()[0]).toMatchObject({ msg: expect.stringContaining('the last share holds') });
    expect(first.bytes.perSecond).toBe(2000);
    // Several looks that fail alike.
    await delay(10 * REFRESH_MS);
    rename('gone', 'controls');
    await changeLimits(state.stateStore, { maxBytesPerSecond: 4000 });
    await until(() => first.bytes.perSecond === 4000);
    expect(warnings()).toHaveLength(1);
    rename('controls', 'gone');
    await until(() => warnings().length === 2);
    rename('gone', 'controls');
  });
});

describe('the ramp of a fleet', () => {
  it('begins with the first write, grows, and takes in whoever starts later', async () => {
    const first = await join('first');
    await look(first);
    expect(await ramp()).toBeUndefined();
    expect(first.writes.perSecond).toBe(600);
    await first.writes.take(1, never);
    await until(async () => (await ramp()) !== undefined);
    state.advance(20 * MINUTE_MS);
    await report('first');
    await until(() => first.writes.perSecond >= 1200);
    const second = await join('second');
    expect(second.writes.perSecond).toBeGreaterThanOrEqual(600);
    expect(second.writes.perSecond).toBeLessThan(610);
    const { ramp: shown } = await readLimits(state.stateStore);
    expect(shown?.writesPerSecond).toBeGreaterThanOrEqual(1200);
    expect(shown).toMatchObject({ startPerSecond: 600, doublingMs: 20 * MINUTE_MS });
  });

  it('goes on while anybody writes, and begins anew where nobody has for an hour, whoever has waited meanwhile', async () => {
    const first = await join('first');
    await first.writes.take(1, never);
    await until(async () => (await ramp()) !== undefined);
    const begun = await ramp();
    // An hour in which it is used now and then.
    for (let i = 0; i < 3; i++) {
      state.advance(20 * MINUTE_MS);
      await report('first');
      const before = await ramp();
      await first.writes.take(1, never);
      await until(async () => (await ramp())?.usedAtMs !== before?.usedAtMs);
    }
    expect((await ramp())?.startedAtMs).toBe(begun?.startedAtMs);
    expect(first.writes.perSecond).toBeGreaterThanOrEqual(4800);

    state.advance(61 * MINUTE_MS);
    await report('first');
    await until(() => first.writes.perSecond === 600);
    expect((await readLimits(state.stateStore)).ramp).toBeUndefined();
    await first.writes.take(1, never);
    await until(async () => (await ramp())?.startedAtMs !== begun?.startedAtMs);
  });

  it('is not used by what is written under a limit of an operator', async () => {
    await changeLimits(state.stateStore, { maxWritesPerSecond: 1000 });
    const first = await join('first');
    await first.writes.take(1, never);
    await look(first);
    expect(await ramp()).toBeUndefined();
  });
});

it('a worker knows its share before its first message, and ends with a last report', async () => {
  const clouds = await Clouds.start();
  cleanup.defer(() => clouds.close());
  const expected = clouds.put('a/1', 'content');
  await state.queue.publish('objects', [{ data: encodeObjectMessage('a/', [expected]) }]);
  await report('another');
  const rates = { writes: new RateLimit(), bytes: new RateLimit() };
  const shares: number[] = [];
  clouds.break('cdn', () => {
    shares.push(rates.bytes.perSecond, rates.writes.perSecond);
    return false;
  });
  const stop = new AbortController();
  const counters = new TransferCounters();
  const done = runCdnTransfer({
    transfer: clouds.transferContext({ rates }),
    limits: LIMITS,
    stateStore: state.stateStore,
    publisher: state.queue,
    errorTopic: 'errors',
    counters,
    logger: pino({ level: 'silent' }),
    maxDeliveries: 3,
    subscription: state.queue.subscribe('objects'),
    identity: createProcessIdentity(),
    runId: undefined,
    maxMessagesPerPull: 1,
    leaseMs: LEASE_MS,
    stop: stop.signal,
  });
  await until(() => counters.objectsTransferred === 1);
  expect(shares).toEqual([600, 300]);
  expect([rates.bytes.granted, rates.writes.granted]).toEqual([7, 1]);
  expect((await state.stateStore.readFleet(LIMITS_REQUEST)).liveWorkers).toBe(2);
  stop.abort();
  await done;
  expect((await state.stateStore.readFleet(LIMITS_REQUEST)).liveWorkers).toBe(1);
});
