import { expect, it } from 'vitest';
import { ReadyQueue } from './ready-queue.ts';

it('gives items in the order in which they came, across its clean-ups', () => {
  const queue = new ReadyQueue<number>();
  let pushed = 0;
  let taken = 0;
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 1000; n++) queue.push(pushed++);
    for (let n = 0; n < 900; n++) expect(queue.shift()).toBe(taken++);
  }
  expect(queue.size).toBe(pushed - taken);
  while (queue.size > 0) expect(queue.shift()).toBe(taken++);
  expect(queue.shift()).toBeUndefined();
  expect(queue.peek()).toBeUndefined();
  expect(taken).toBe(pushed);
});

it('swaps an item to the front and loses none', () => {
  const queue = new ReadyQueue<string>();
  for (const letter of 'abcd') queue.push(letter);
  queue.shift();
  queue.bringForward(2);
  expect([queue.shift(), queue.shift(), queue.shift()]).toEqual(['d', 'c', 'b']);
});
