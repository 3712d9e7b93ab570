import { expect, test } from 'vitest';
import { parseByteSize } from './byte-size.ts';

test.each([
  ['500MiB', 500 * 1024 ** 2],
  ['500 mib/s', 500 * 1024 ** 2],
  ['1.5GB', 1.5e9],
  [' 2TiB ', 2 * 1024 ** 4],
  ['64kb', 64_000],
  ['800B', 800],
  ['0.0001KiB', 0],
  ['500', undefined],
  ['500M', undefined],
  ['-1MiB', undefined],
  ['1e3MiB', undefined],
  ['MiB', undefined],
  ['1MiB/min', undefined],
  ['', undefined],
])('reads %j as %s bytes', (text, bytes) => {
  expect(parseByteSize(text)).toBe(bytes);
});
