import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { unlessAborted } from './unless-aborted.ts';

test('ends as what it waits for ends, and leaves no listener behind', async () => {
  const { signal } = new AbortController();
  expect(await unlessAborted(Promise.resolve('value'), signal)).toBe('value');
  const failure = new Error('failed');
  await expect(unlessAborted(Promise.reject(failure), signal)).rejects.toBe(failure);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('ends with the reason of an abort that comes first', async () => {
  const controller = new AbortController();
  const reason = new Error('enough');
  const waiting = unlessAborted(Promise.withResolvers().promise, controller.signal);
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(unlessAborted(Promise.resolve('value'), controller.signal)).rejects.toBe(reason);
});

test('takes no notice of how an abandoned wait ends', async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  try {
    const controller = new AbortController();
    const { promise, reject } = Promise.withResolvers();
    const waiting = unlessAborted(promise, controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    reject(new Error('too late'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
});
