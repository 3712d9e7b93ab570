import { expect, test } from 'vitest';
import { parseRetryAfterMs } from './retry-after.ts';

const now = Date.UTC(2030, 0, 1);

test.each([
  ['120', 120_000],
  ['0', 0],
  ['Tue, 01 Jan 2030 00:00:30 GMT', 30_000],
  ['Mon, 31 Dec 2029 00:00:00 GMT', 0],
  ['soon', undefined],
  [undefined, undefined],
])('%j means %j ms', (value, expected) => {
  expect(parseRetryAfterMs(value, now)).toBe(expected);
});
