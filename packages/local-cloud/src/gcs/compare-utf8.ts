/**
 * Orders well-formed strings as their UTF-8 bytes would be ordered, which is how object names are listed. UTF-16 units
 * agree with that except where a surrogate pair (U+10000 and above) meets a unit of U+E000..U+FFFF.
 * @returns negative, zero or positive, for `Array.prototype.sort`
 */
export function compareUtf8(left: string, right: string): number {
  if (left === right) return 0;
  const shorter = Math.min(left.length, right.length);
  for (let index = 0; index < shorter; index++) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit !== rightUnit) return rank(leftUnit) - rank(rightUnit);
  }
  return left.length - right.length;
}

/** Moves the surrogates above the rest of the basic plane, where their UTF-8 lead byte (F0 and up) puts them. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
