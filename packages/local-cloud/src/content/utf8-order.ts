/**
 * Compares as S3 sorts: by the bytes of the UTF-8 form. JavaScript compares UTF-16 units, where the surrogates of an
 * emoji come before U+E000…U+FFFF although its UTF-8 bytes come after theirs.
 * @returns below, at or above zero
 */
export function compareUtf8(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index);
    const b = right.charCodeAt(index);
    if (a !== b) return a >= 0xd800 && b >= 0xd800 ? codePointRank(a) - codePointRank(b) : a - b;
  }
  return left.length - right.length;
}

/** Puts surrogates (D800…DFFF) above the rest of the basic plane (E000…FFFF). */
function codePointRank(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/**
 * The lowest text above everything that begins with `prefix`: where a listing goes on behind a common prefix.
 * @returns `undefined` when there is none (an empty prefix, or only U+10FFFF)
 */
export function firstAfterPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0) ?? 0;
    if (point < 0x10ffff) return points.join('') + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
  }
  return undefined;
}

/** The lowest text above `key`: where a listing goes on behind a key. */
export function firstAfterKey(key: string): string {
  return `${key}\0`;
}
