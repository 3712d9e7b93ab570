/** Emptied places at the front are given back when they are this many and more than half of the array. */
const MIN_EMPTY_TO_COMPACT = 1024;

/** First in, first out, at O(1); and a place can be swapped to the front, for delivery out of order. */
export class ReadyQueue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  /** Includes items that lost their meaning while they waited: it is for whoever takes them to know. */
  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  peek(): T | undefined {
    return this.#items[this.#head];
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head >= MIN_EMPTY_TO_COMPACT && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Brings the item at `offset` from the front to the front, and the front there. */
  bringForward(offset: number): void {
    const there = this.#head + offset;
    [this.#items[this.#head], this.#items[there]] = [this.#items[there], this.#items[this.#head]];
  }
}
