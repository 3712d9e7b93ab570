/**
 * CRC32C (Castagnoli) of a concatenation from the CRCs of its parts, as zlib's `crc32_combine` does it: appending n zero
 * bytes to a message multiplies its CRC by x^(8n) modulo the polynomial, and CRCs of aligned messages add by XOR.
 * @see RFC 3720, appendix B.4 (the polynomial)
 */

/** The reflected polynomial: the coefficient of x^31 is the lowest bit. */
const POLYNOMIAL = 0x82f63b78;
const ONE = 0x80000000;

/** Product of two polynomials in reflected form, modulo the CRC32C polynomial. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ POLYNOMIAL;
  }
  return product >>> 0;
}

/** `POWERS[k]` is x^(8·2^k): what appending 2^k zero bytes multiplies by. */
const POWERS: readonly number[] = (() => {
  const powers = [0x00800000];
  for (let k = 1; k < 53; k++) {
    const previous = powers[k - 1] ?? 0;
    powers.push(multiply(previous, previous));
  }
  return powers;
})();

/**
 * @param first CRC32C of the bytes before, unsigned
 * @param second CRC32C of the bytes after, unsigned
 * @param secondBytes how many bytes come after
 * @returns CRC32C of both in a row, unsigned
 */
export function combineCrc32c(first: number, second: number, secondBytes: number): number {
  let shift = ONE;
  let remaining = secondBytes;
  for (const power of POWERS) {
    if (remaining === 0) break;
    if (remaining % 2 === 1) shift = multiply(shift, power);
    remaining = Math.floor(remaining / 2);
  }
  return (multiply(first, shift) ^ second) >>> 0;
}
