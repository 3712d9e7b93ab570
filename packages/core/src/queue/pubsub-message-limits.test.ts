import { expect, it } from 'vitest';
import { cutToBytes, requestBytesOf } from './pubsub-message-limits.ts';

it.each([
  ['aé', 3, 'aé'],
  ['aé', 2, 'a'],
  ['😀😀', 7, '😀'],
  ['', 5, ''],
])('cuts %j to %i bytes without splitting a character', (text, bytes, expected) => {
  expect(cutToBytes(text, bytes)).toBe(expected);
});

it('counts no less than a message takes', () => {
  expect(requestBytesOf({ data: 'é'.repeat(100), attributes: { key: 'value' } })).toBeGreaterThan(208);
});

it('refuses more attributes than Pub/Sub takes', () => {
  const attributes = Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`key${i}`, 'x']));
  expect(() => requestBytesOf({ data: 'x', attributes })).toThrow(/101 attributes/);
});
