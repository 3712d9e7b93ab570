import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { runCdnTransfer } from '@object-transfer/worker/cdn-transfer/run-cdn-transfer';
import { TransferCounters } from '@object-transfer/worker/cdn-transfer/transfer-counters';
import { Clouds } from '../../fixtures/clouds.ts';
import { LEASE_MS, openTestState, type TestState } from './embedded-state.ts';

let clouds: Clouds;
let state: TestState;
beforeEach(async () => {
  clouds = await Clouds.start();
  state = await openTestState();
});
afterEach(async () => {
  await state.close();
  await clouds.close();
});

function start(stop: AbortSignal, heartbeatMs?: number) {
  const counters = new TransferCounters();
  const identity = createProcessIdentity();
  const done = runCdnTransfer({
    transfer: clouds.transferContext(),
    stateStore: state.stateStore,
    publisher: state.queue,
    errorTopic: 'errors',
    counters,
    logger: pino({ level: 'silent' }),
    maxDeliveries: 3,
    subscription: state.queue.subscribe('objects'),
    identity,
    runId: 'run-1',
    maxMessagesPerPull: 2,
    leaseMs: LEASE_MS,
    heartbeatMs,
    stop,
  });
  return { counters, identity, done };
}

async function publish(messages: number, objectsEach: number): Promise<void> {
  await state.queue.publish(
    'objects',
    Array.from({ length: messages }, (_, m) => {
      const keys = Array.from({ length: objectsEach }, (_unused, i) => `d${m}/${i}`);
      return {
        data: encodeObjectMessage(
          `d${m}/`,
          keys.map((key) => clouds.put(key, key)),
        ),
      };
    }),
  );
}

/** Aborts once so many objects have been asked of the CDN. */
function stopAfter(requests: number): AbortController {
  const stop = new AbortController();
  let asked = 0;
  clouds.break('cdn', () => {
    if (++asked === requests) stop.abort();
    return false;
  });
  return stop;
}

test('takes every message, and reports what it did', async () => {
  await publish(20, 5);
  const stop = stopAfter(100);
  const { counters, identity, done } = start(stop.signal);
  await done;
  expect(counters.toRecord()).toMatchObject({ messages: 20, objectsTransferred: 100, objectsFailed: 0 });
  expect(await state.queue.backlog('objects')).toEqual({ waiting: 0, leased: 0, deadLettered: 0 });
  expect(await state.stateStore.listWorkers('run-1')).toMatchObject([
    { workerId: identity.id, mode: 'cdnTransfer', counters: { messages: 20, objectsTransferred: 100 } },
  ]);
});

test('told to stop, finishes what it has begun and leaves the rest to others', async () => {
  await publish(40, 5);
  const stop = stopAfter(1);
  const { counters, done } = start(stop.signal);
  await once(stop.signal, 'abort');
  await done;
  const { waiting, leased } = await state.queue.backlog('objects');
  expect(leased).toBe(0);
  expect(waiting).toBe(40 - counters.messages);
  expect(counters.messages).toBeGreaterThan(0);
  expect(counters.objectsTransferred).toBe(counters.messages * 5);
  expect(waiting).toBeGreaterThan(0);
});

test('without work, reports at the interval that it is given', async () => {
  const stop = new AbortController();
  const { done } = start(stop.signal, 20);
  const beats = new Set<number>();
  while (beats.size < 4) {
    const [worker] = await state.stateStore.listWorkers('run-1');
    if (worker !== undefined) beats.add(worker.heartbeatAt.getTime());
    await delay(1);
  }
  stop.abort();
  await done;
  expect([...beats]).toEqual([...beats].toSorted((a, b) => a - b));
});
