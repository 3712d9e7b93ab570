/**
 * Matches as CloudFront does in policies and invalidations: `*` stands for any number of characters, `?` for exactly
 * one, and everything else, upper and lower case included, for itself. Takes linear time but for the last `*`.
 */
export function matchesWildcard(pattern: string, text: string): boolean {
  let position = 0;
  let at = 0;
  /** Where to go on when a character does not fit: behind the last star, with one character more eaten by it. */
  let star = -1;
  let eaten = 0;
  while (at < text.length) {
    const expected = pattern[position];
    if (expected === '*') {
      star = position;
      eaten = at;
      position += 1;
    } else if (expected === '?' || (expected !== undefined && expected === text[at])) {
      position += 1;
      at += 1;
    } else if (star >= 0) {
      eaten += 1;
      at = eaten;
      position = star + 1;
    } else {
      return false;
    }
  }
  while (pattern[position] === '*') position += 1;
  return position === pattern.length;
}
