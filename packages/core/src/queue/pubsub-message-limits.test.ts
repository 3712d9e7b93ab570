import { expect, it } from 'vitest';
import { requestBytesOf } from './pubsub-message-limits.ts';

it('counts no less than a message takes', () => {
  expect(requestBytesOf({ data: 'é'.repeat(100), attributes: { key: 'value' } })).toBeGreaterThan(208);
});

it('refuses more attributes than Pub/Sub takes', () => {
  const attributes = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`key${i}`, 'x']));
  expect(() => requestBytesOf({ data: 'x', attributes })).toThrow(/101 attributes/);
});
