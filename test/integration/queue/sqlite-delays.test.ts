import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { expect, it } from 'vitest';

it('a message for which hours are asked for comes back after ten minutes, and not before', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'object-transfer-delays-'));
  let now = Date.now();
  const state = await openEmbeddedState(join(directory, 'state.sqlite'), { owner: 'test:1:00000000', now: () => now });
  try {
    const subscription = state.queue.subscribe('objects');
    const pull = () =>
      subscription.pull({ maxMessages: 1, leaseMs: 30_000, waitMs: 0, signal: new AbortController().signal });
    await state.queue.publish('objects', [{ data: 'x' }]);
    const [message] = await pull();
    expect(await message?.nack(5 * 3_600_000)).toBe(true);
    expect(await pull()).toEqual([]);
    now += 599_000;
    expect(await pull()).toEqual([]);
    now += 1000;
    expect(await pull()).toMatchObject([{ data: 'x', deliveryAttempt: 2 }]);
    await subscription.close();
  } finally {
    await state.close();
    await rm(directory, { recursive: true, force: true });
  }
});
