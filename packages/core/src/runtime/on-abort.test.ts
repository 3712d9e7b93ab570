import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from './on-abort.ts';

test('calls back once, whoever waits, and not who has stopped waiting', () => {
  const controller = new AbortController();
  const called: string[] = [];
  onAbort(controller.signal, () => called.push('first'));
  const stop = onAbort(controller.signal, () => called.push('gone'));
  onAbort(controller.signal, () => called.push('last'));
  stop();
  controller.abort();
  expect(called).toEqual(['first', 'last']);
});

test('calls back at once where the signal has aborted already', () => {
  let calls = 0;
  onAbort(AbortSignal.abort(), () => calls++)();
  expect(calls).toBe(1);
});

test('takes the same function twice', () => {
  const controller = new AbortController();
  let calls = 0;
  const callback = () => calls++;
  const stop = onAbort(controller.signal, callback);
  onAbort(controller.signal, callback);
  stop();
  controller.abort();
  expect(calls).toBe(1);
});

test('lets a callback take others off, and add some', () => {
  const controller = new AbortController();
  const called: string[] = [];
  onAbort(controller.signal, () => {
    stop();
    onAbort(controller.signal, () => called.push('added'));
  });
  const stop = onAbort(controller.signal, () => called.push('taken off'));
  controller.abort();
  expect(called).toEqual(['added']);
});

test('has one listener on a signal, however many wait', () => {
  const { signal } = new AbortController();
  for (let i = 0; i < 1000; i++) onAbort(signal, () => undefined);
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
});

test('leaves nothing on a signal that nobody waits for any more', () => {
  const { signal } = new AbortController();
  const stops = [onAbort(signal, () => undefined), onAbort(signal, () => undefined)];
  for (const stop of stops) stop();
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('calls back who waits after all others have stopped', () => {
  const controller = new AbortController();
  let calls = 0;
  const stop = onAbort(controller.signal, () => undefined);
  stop();
  onAbort(controller.signal, () => calls++);
  // Repeating it takes nobody else off.
  stop();
  controller.abort();
  expect(calls).toBe(1);
});
