import { guessAlphabet, type KeyAlphabet } from './key-alphabet.ts';

/** Parts of a sample whose spans are compared. */
const PARTS = 8;
/** Different characters at a place from which on they are taken for all that occur at the places before it, too. */
const CHARACTERS_OF_A_KIND = 8;
/** Places before the first one that differs, into which an addition may carry. */
const CARRY_PLACES = 8;
/** Places behind the last one at which neighbours of the sample begin to differ: they make the span exact. */
const FINE_PLACES = 4;
/** Names that differ at places further apart than this are not worth big numbers. */
const MAX_PLACES = 64;

/**
 * Reads keys as numbers, so that from a few pages of a listing one can tell roughly where those after them begin. A place of
 * a key is a digit, over the alphabet that is seen at that place; where keys of the page end, their end is the lowest digit.
 * It is a guess: keys need not go on as they began.
 */
export class KeyScale {
  readonly #places: Places;
  /** The number of the key that is extrapolated from. */
  readonly #from: bigint;
  /** How much the numbers rise over one page. */
  readonly #pageSpan: bigint;

  private constructor(places: Places, from: bigint, pageSpan: bigint) {
    this.#places = places;
    this.#from = from;
    this.#pageSpan = pageSpan;
  }

  /**
   * @param prefix what all keys begin with; no extrapolation leaves it
   * @param sample keys of consecutive pages, evenly spaced, rising in UTF-8 byte order, the last of all at the end
   * @param pages how many pages the sample is of
   * @returns `undefined` where the sample tells nothing
   */
  static of(prefix: string, sample: readonly string[], pages: number): KeyScale | undefined {
    if (sample.length <= PARTS) return undefined;
    const keys = sample.map(codePointsOf);
    const places = choosePlaces(keys, codePointsOf(prefix).length);
    if (places === undefined) return undefined;
    const marks = Array.from({ length: PARTS + 1 }, (_, part) => Math.round((part * (keys.length - 1)) / PARTS));
    const numbers = marks.map((mark) => places.toNumber(keys[mark] ?? []));
    const spans = numbers.slice(1).map((number, index) => number - (numbers[index] ?? 0n));
    // The pages may reach over a gap between two groups of keys: the largest span does not count.
    const counted = spans.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)).slice(0, -1);
    const sum = counted.reduce((total, span) => total + span, 0n);
    const pageSpan = (sum * BigInt(PARTS)) / BigInt(counted.length * pages);
    const last = numbers.at(-1);
    return pageSpan <= 0n || last === undefined ? undefined : new KeyScale(places, last, pageSpan);
  }

  /** The same density, as from another key. */
  movedTo(key: string): KeyScale | undefined {
    const points = codePointsOf(key);
    if (!this.#places.covers(points)) return undefined;
    return new KeyScale(this.#places, this.#places.toNumber(points), this.#pageSpan);
  }

  /** @returns a string some pages ahead, valid Unicode; `undefined` where the numbers end before */
  keyAhead(pages: number): string | undefined {
    return this.#places.toKey(this.#from + (this.#pageSpan * BigInt(Math.round(pages * 100))) / 100n);
  }

  /** How many pages lie before a key, negative where it has been passed. */
  pagesUntil(key: string): number {
    const points = codePointsOf(key);
    if (!this.#places.covers(points)) return Number.POSITIVE_INFINITY;
    return Number(((this.#places.toNumber(points) - this.#from) * 100n) / this.#pageSpan) / 100;
  }
}

function codePointsOf(key: string): number[] {
  return Array.from(key, (character) => character.codePointAt(0) ?? 0);
}

function choosePlaces(sample: readonly (readonly number[])[], prefixLength: number): Places | undefined {
  const [lowest = []] = sample;
  const highest = sample.at(-1) ?? [];
  const firstDifference = differenceOf(lowest, highest);
  let lastDifference = firstDifference;
  for (const [index, key] of sample.entries()) {
    const before = sample[index - 1];
    if (before !== undefined) lastDifference = Math.max(lastDifference, differenceOf(before, key));
  }
  const start = Math.max(prefixLength, firstDifference - CARRY_PLACES);
  const end = Math.min(lastDifference + FINE_PLACES, start + MAX_PLACES);
  const digits: Digit[] = [];
  let behind: KeyAlphabet | undefined;
  for (let place = end - 1; place >= start; place--) {
    const seen = new Set<number>();
    let ends: Digit['ends'] = 0;
    for (const key of sample) {
      const point = key[place];
      if (point === undefined) ends = 1;
      else seen.add(point);
    }
    if (seen.size === 0) continue;
    // Of a hexadecimal number that begins with 06 to 09, the second place shows decimal digits only, the third shows all.
    const isOfAKind = behind !== undefined && seen.values().every(behind.has);
    const alphabet = isOfAKind && behind !== undefined ? behind : guessAlphabet(seen);
    behind = isOfAKind || seen.size >= CHARACTERS_OF_A_KIND ? alphabet : undefined;
    digits.unshift({ alphabet, ends });
  }
  return digits.length === 0 ? undefined : new Places(highest.slice(0, start), digits);
}

/** The first place at which two keys differ. */
function differenceOf(a: readonly number[], b: readonly number[]): number {
  let place = 0;
  while (place < a.length && place < b.length && a[place] === b[place]) place++;
  return place;
}

interface Digit {
  readonly alphabet: KeyAlphabet;
  /** 1 where keys may end before this place, and their end is a digit too: the lowest. */
  readonly ends: 0 | 1;
}

/** The places of a key that are read as digits, and the beginning before them that all have in common. */
class Places {
  readonly #beginning: readonly number[];
  readonly #digits: readonly Digit[];

  constructor(beginning: readonly number[], digits: readonly Digit[]) {
    this.#beginning = beginning;
    this.#digits = digits;
  }

  covers(key: readonly number[]): boolean {
    return this.#beginning.every((point, place) => key[place] === point);
  }

  toNumber(key: readonly number[]): bigint {
    let number = 0n;
    for (const [index, { alphabet, ends }] of this.#digits.entries()) {
      const point = key[this.#beginning.length + index];
      const digit = point === undefined ? 0 : Math.min(alphabet.size - 1, alphabet.indexOf(point)) + ends;
      number = number * BigInt(alphabet.size + ends) + BigInt(digit);
    }
    return number;
  }

  toKey(number: bigint): string | undefined {
    const points: number[] = [];
    let rest = number;
    for (const { alphabet, ends } of this.#digits.toReversed()) {
      const radix = BigInt(alphabet.size + ends);
      const digit = Number(rest % radix) - ends;
      rest /= radix;
      // Below 0 the key ends here: what was behind it does not count.
      if (digit < 0) points.length = 0;
      else points.push(alphabet.codePointAt(digit));
    }
    if (rest !== 0n) return undefined;
    return String.fromCodePoint(...this.#beginning, ...points.toReversed());
  }
}
