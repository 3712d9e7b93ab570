import { crc32c } from '@node-rs/crc32';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { combineCrc32c } from './crc32c-combine.ts';

test('the CRC of two parts in a row is that of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
      const whole = Buffer.concat([a, b]);
      expect(combineCrc32c(crc32c(Buffer.from(a)), crc32c(Buffer.from(b)), b.length)).toBe(crc32c(whole));
    }),
  );
});

test('parts beyond 32 bits of length combine', () => {
  // 5 GiB of zeros, hashed chunk by chunk, against one combination from the CRC of a power of two.
  const chunk = Buffer.alloc(1 << 20);
  const chunkCrc = crc32c(chunk);
  let combined = chunkCrc;
  for (let doublings = 0, bytes = chunk.length; doublings < 13; doublings++, bytes *= 2) {
    combined = combineCrc32c(combined, combined, bytes);
  }
  let sequential = 0;
  for (let i = 0; i < 8192; i++) sequential = combineCrc32c(sequential, chunkCrc, chunk.length);
  expect(combined).toBe(sequential);
});
