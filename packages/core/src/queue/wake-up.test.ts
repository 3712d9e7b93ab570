import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { WakeUp } from './wake-up.ts';

it('ends every waiting when notified, and leaves no listener behind', async () => {
  const wakeUp = new WakeUp();
  const { signal } = new AbortController();
  const waiting = [wakeUp.wait(600_000, signal), wakeUp.wait(600_000, signal)];
  wakeUp.notify();
  await Promise.all(waiting);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('ends the waiting on abort, and does not begin it afterwards', async () => {
  const wakeUp = new WakeUp();
  const stop = new AbortController();
  const waiting = wakeUp.wait(600_000, stop.signal);
  stop.abort();
  await expect(waiting).resolves.toBeUndefined();
  await expect(wakeUp.wait(600_000, stop.signal)).resolves.toBeUndefined();
});

it('ends the waiting after the time given', async () => {
  await expect(new WakeUp().wait(1, new AbortController().signal)).resolves.toBeUndefined();
});
