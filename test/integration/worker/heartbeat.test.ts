import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
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

test('a worker without work reports at the interval that it is given', async () => {
  const stop = new AbortController();
  const done = runCdnTransfer({
    transfer: clouds.transferContext(),
    stateStore: state.stateStore,
    publisher: state.queue,
    errorTopic: 'errors',
    counters: new TransferCounters(),
    logger: pino({ level: 'silent' }),
    maxDeliveries: 3,
    subscription: state.queue.subscribe('objects'),
    identity: createProcessIdentity(),
    runId: 'run-1',
    maxMessagesPerPull: 1,
    leaseMs: LEASE_MS,
    heartbeatMs: 20,
    stop: stop.signal,
  });
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
