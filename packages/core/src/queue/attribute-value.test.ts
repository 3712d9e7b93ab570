import { expect, it } from 'vitest';
import { attributeValue } from './attribute-value.ts';

it.each([
  ['aé', 3, 'aé'],
  ['aé', 2, 'a'],
  ['😀😀', 7, '😀'],
  ['', 5, ''],
])('cuts %j to %i bytes without splitting a character', (text, bytes, expected) => {
  expect(attributeValue(text, bytes)).toBe(expected);
});

it('leaves what an attribute can hold as it is', () => {
  expect(attributeValue('é'.repeat(512))).toBe('é'.repeat(512));
  expect(attributeValue(`a${'é'.repeat(512)}`)).toBe(`a${'é'.repeat(511)}`);
});
