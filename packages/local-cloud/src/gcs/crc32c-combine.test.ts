import { crc32c } from '@node-rs/crc32';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { combineCrc32c } from './crc32c-combine.ts';

it('combines two checksums to that of the bytes joined', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 70_000 }), (left, right) => {
      expect(combineCrc32c(crc32c(left), crc32c(right), right.length)).toBe(crc32c(Buffer.concat([left, right])));
    }),
  );
});

it('combines lengths beyond 32 bits', () => {
  // 2^33 zero bytes in two steps and in one are the same bytes.
  const half = combineCrc32c(crc32c('x'), zeros(2 ** 32), 2 ** 32);
  expect(combineCrc32c(half, zeros(2 ** 32), 2 ** 32)).toBe(combineCrc32c(crc32c('x'), zeros(2 ** 33), 2 ** 33));
});

/** The checksum of `count` (a power of two) zero bytes, by doubling. */
function zeros(count: number): number {
  let checksum = crc32c(Buffer.alloc(1));
  for (let length = 1; length < count; length *= 2) checksum = combineCrc32c(checksum, checksum, length);
  return checksum;
}
