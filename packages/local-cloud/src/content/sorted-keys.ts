import type { KeyCursor, StoredObject } from './content-store.ts';
import { compareUtf8 } from './utf8-order.ts';

/**
 * Binary search over `count` ascending keys, from index `low` on.
 * @returns the index of the first key that is not below `from`; `count` when all are below
 */
export function lowerBound(keyAt: (index: number) => string, count: number, from: string, low = 0): number {
  let first = low;
  let end = count;
  while (first < end) {
    const middle = (first + end) >>> 1;
    if (compareUtf8(keyAt(middle), from) < 0) first = middle + 1;
    else end = middle;
  }
  return first;
}

/** `keys` sorted by UTF-8 bytes, in which `key` is looked up by binary search. */
export function includesKey(keys: readonly string[], key: string): boolean {
  return keys[lowerBound((index) => keys[index] ?? '', keys.length, key)] === key;
}

/** A cursor over an array that nobody changes any more. */
export class SortedKeysCursor implements KeyCursor {
  readonly #keys: readonly string[];
  readonly #stat: (key: string) => StoredObject | undefined | Promise<StoredObject | undefined>;
  #index = 0;

  constructor(
    keys: readonly string[],
    stat: (key: string) => StoredObject | undefined | Promise<StoredObject | undefined>,
    from: string,
  ) {
    this.#keys = keys;
    this.#stat = stat;
    this.seek(from);
  }

  get key(): string | undefined {
    return this.#keys[this.#index];
  }

  advance(): void {
    this.#index += 1;
  }

  seek(from: string): void {
    this.#index = lowerBound((index) => this.#keys[index] ?? '', this.#keys.length, from, this.#index);
  }

  stat(): StoredObject | undefined | Promise<StoredObject | undefined> {
    const { key } = this;
    return key === undefined ? undefined : this.#stat(key);
  }
}
