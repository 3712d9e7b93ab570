import { expect, test } from 'vitest';
import { parseContentRange, rangeHeader } from './content-range.ts';

test.each([
  ['bytes 0-0/1', { start: 0, end: 0, objectBytes: 1 }],
  ['bytes 5-9/*', { start: 5, end: 9, objectBytes: undefined }],
  ['bytes 9-5/20', undefined],
  ['bytes 5-20/20', undefined],
  ['bytes */20', undefined],
  ['items 0-1/2', undefined],
  ['bytes 0-1/2, bytes 4-5/9', undefined],
  [undefined, undefined],
])('%j', (value, expected) => {
  expect(parseContentRange(value)).toEqual(expected);
});

test('a range is asked for with both ends included', () => {
  expect(rangeHeader({ start: 0, end: 1023 })).toBe('bytes=0-1023');
});
