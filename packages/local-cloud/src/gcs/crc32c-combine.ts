/** The reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78;

/**
 * The crc32c of two byte strings joined, from the crc32c of each: `left` is multiplied by x^(8 * rightBytes) modulo the
 * polynomial, then `right` is added. What makes the checksum of a composite object cheap, whatever its size.
 * @param rightBytes length of the right-hand string in bytes
 * @returns unsigned 32-bit checksum
 */
export function combineCrc32c(left: number, right: number, rightBytes: number): number {
  let product = left;
  // Squares of x^8: x^8, x^16, x^32, … one per bit of the length.
  let power = 1 << 23;
  for (let remaining = rightBytes; remaining > 0; remaining = Math.floor(remaining / 2)) {
    if (remaining % 2 === 1) product = multiply(product, power);
    power = multiply(power, power);
  }
  return (product ^ right) >>> 0;
}

/** Product of two polynomials modulo the Castagnoli polynomial; bit 31 is the coefficient of x^0. */
function multiply(left: number, right: number): number {
  let product = 0;
  let shifted = right;
  for (let mask = 0x80000000; mask !== 0; mask >>>= 1) {
    if (left & mask) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}
