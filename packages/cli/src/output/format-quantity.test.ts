import { expect, test } from 'vitest';
import { formatBytes, formatCount, formatDuration } from './format-quantity.ts';

test.each([
  [0, '0 B'],
  [1, '1 B'],
  [1023, '1023 B'],
  [1023.7, '1.00 KiB'],
  [1024, '1.00 KiB'],
  [1536, '1.50 KiB'],
  [9.999 * 1024, '10.0 KiB'],
  [10 * 1024, '10.0 KiB'],
  [99.99 * 1024, '100 KiB'],
  [100 * 1024, '100 KiB'],
  [1024 ** 2 - 1, '1.00 MiB'],
  [2.5 * 1024 ** 3, '2.50 GiB'],
  [12.34 * 1024 ** 4, '12.3 TiB'],
  [3 * 1024 ** 5, '3.00 PiB'],
  [5000 * 1024 ** 5, '5000 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0'],
  [999, '999'],
  [1_234_567_890, '1,234,567,890'],
])('the count %d is %s', (count, text) => {
  expect(formatCount(count)).toBe(text);
});

test.each([
  [0, '00:00'],
  [-1, '00:00'],
  [499, '00:00'],
  [500, '00:01'],
  [59_499, '00:59'],
  [59_500, '01:00'],
  [3_599_999, '01:00:00'],
  [3_600_000 + 2 * 60_000 + 3_000, '01:02:03'],
  [86_400_000 - 1, '1d 00:00:00'],
  [3 * 86_400_000 + 4 * 3_600_000 + 5 * 60_000 + 6_000, '3d 04:05:06'],
])('%d ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
