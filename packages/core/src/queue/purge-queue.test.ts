import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedState, type EmbeddedState } from '../state/open-embedded-state.ts';

let directory: string;
let state: EmbeddedState;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'queue-'));
  state = await openEmbeddedState(join(directory, 'state.db'), { owner: 'host:1:0000000a' });
});
afterEach(async () => {
  await state.close();
  await rm(directory, { recursive: true });
});

const PULL = { leaseMs: 60_000, waitMs: 0, signal: new AbortController().signal };

it('deletes what waits, what is delayed and what is leased, of that subscription alone', async () => {
  const { queue } = state;
  await queue.publish('objects', [{ data: '1' }, { data: '2' }, { data: '3' }, { data: '4' }]);
  await queue.publish('checks', [{ data: '5' }]);
  const subscription = queue.subscribe('objects');
  const [leased, delayed, dead] = await subscription.pull({ ...PULL, maxMessages: 3 });
  await delayed?.nack(60_000);
  await dead?.deadLetter('malformed');

  expect(await queue.purge('objects')).toBe(3);
  expect(await queue.backlog('objects')).toEqual({ waiting: 0, leased: 0, deadLettered: 1 });
  expect(await queue.backlog('checks')).toEqual({ waiting: 1, leased: 0, deadLettered: 0 });
  expect(await leased?.ack()).toBe(false);
  expect(await queue.purge('objects')).toBe(0);
});

it('deletes more than one transaction does', async () => {
  const messages = Array.from({ length: 20_001 }, () => ({ data: 'x' }));
  await state.queue.publish('objects', messages);
  expect(await state.queue.purge('objects')).toBe(messages.length);
  expect((await state.queue.backlog('objects')).waiting).toBe(0);
});
