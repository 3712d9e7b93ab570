/** The characters that are expected at one place of a key, in the order of their code points. */
export interface KeyAlphabet {
  readonly size: number;
  readonly has: (codePoint: number) => boolean;
  /** How many characters of the alphabet come before this code point. */
  indexOf(codePoint: number): number;
  /** @param index from 0, below `size` */
  codePointAt(index: number): number;
}

/** Stretches of code points, both ends included, in order. */
type Ranges = readonly (readonly [number, number])[];

const DIGITS = [0x30, 0x39] as const;
const UPPER = [0x41, 0x5a] as const;
const LOWER = [0x61, 0x7a] as const;

/** What names are made of: counters, hashes, identifiers. The first that holds all that was seen is it. */
const USUAL: readonly Ranges[] = [
  [DIGITS],
  [DIGITS, [0x61, 0x66]],
  [DIGITS, [0x41, 0x46]],
  [LOWER],
  [UPPER],
  [DIGITS, LOWER],
  [DIGITS, UPPER],
  [DIGITS, UPPER, LOWER],
];

/** Last characters of ASCII, of what lies before the surrogates, of the first plane and of all, without control and non-characters. */
const LIMITS = [0x7e, 0xd7ff, 0xfffd, 0x10fffd];

const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;

/**
 * Guesses the alphabet of a place from the characters seen there: a digit stands for all ten, a few letters and digits for
 * the hexadecimal ones, and so on; anything else for what lies between the lowest and the highest, and as much again behind.
 * One character that is no digit stands for itself. Surrogates, which no valid string holds alone, are never in it.
 * @param seen code points, at least one
 */
export function guessAlphabet(seen: ReadonlySet<number>): KeyAlphabet {
  const usual = (seen.size === 1 ? [[DIGITS]] : USUAL).find((ranges) =>
    seen.values().every((codePoint) => holds(ranges, codePoint)),
  );
  return alphabetOf(usual ?? withoutSurrogates(...around(seen)));
}

function around(seen: ReadonlySet<number>): readonly [first: number, last: number] {
  const first = Math.min(...seen);
  const last = Math.max(...seen);
  const limit = LIMITS.find((candidate) => last <= candidate) ?? last;
  return [first, Math.min(limit, last + (last - first))];
}

function holds(ranges: Ranges, codePoint: number): boolean {
  return ranges.some(([first, last]) => codePoint >= first && codePoint <= last);
}

function withoutSurrogates(first: number, last: number): Ranges {
  if (last < FIRST_SURROGATE || first > LAST_SURROGATE) return [[first, last]];
  return [
    [first, FIRST_SURROGATE - 1],
    [LAST_SURROGATE + 1, last],
  ];
}

function alphabetOf(ranges: Ranges): KeyAlphabet {
  return {
    size: ranges.reduce((size, [first, last]) => size + last - first + 1, 0),
    has: (codePoint) => holds(ranges, codePoint),
    indexOf(codePoint) {
      let index = 0;
      for (const [first, last] of ranges) {
        if (codePoint <= last) return index + Math.max(0, codePoint - first);
        index += last - first + 1;
      }
      return index;
    },
    codePointAt(index) {
      let rest = index;
      for (const [first, last] of ranges) {
        if (first + rest <= last) return first + rest;
        rest -= last - first + 1;
      }
      throw new RangeError(`an alphabet has no character ${index}`);
    },
  };
}
