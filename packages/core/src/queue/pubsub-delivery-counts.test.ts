import { expect, it } from 'vitest';
import { PubsubDeliveryCounts } from './pubsub-delivery-counts.ts';

it('counts the deliveries of each message, until it is forgotten', () => {
  const counts = new PubsubDeliveryCounts();
  expect([counts.next('a'), counts.next('b'), counts.next('a')]).toEqual([1, 1, 2]);
  counts.forget('a');
  expect([counts.next('a'), counts.next('b')]).toEqual([1, 2]);
});

it('forgets first what has not come for the longest time', () => {
  const counts = new PubsubDeliveryCounts();
  counts.next('old');
  counts.next('returning');
  for (let i = 0; i < 9_998; i++) counts.next(`message ${i}`);
  expect(counts.next('returning')).toBe(2);
  counts.next('one more');
  expect([counts.next('returning'), counts.next('old')]).toEqual([3, 1]);
});
