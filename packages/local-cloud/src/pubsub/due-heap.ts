/** Something that happens at a time. The heap alone writes these two. */
export interface DueItem {
  /** Milliseconds, on the clock of whoever uses the heap. */
  dueAt: number;
  /** Its place in the heap; -1 outside. */
  heapIndex: number;
}

/** Ends of leases and of delays by time: setting, moving and removing one costs O(log n), the earliest is at hand. */
export class DueHeap<T extends DueItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  /** The time of the earliest item. */
  get nextDueAt(): number | undefined {
    return this.#items[0]?.dueAt;
  }

  /** Adds the item, or moves it where it is in the heap already. */
  set(item: T, dueAt: number): void {
    item.dueAt = dueAt;
    if (item.heapIndex < 0) {
      item.heapIndex = this.#items.length;
      this.#items.push(item);
    }
    this.#restore(item);
  }

  /** Removes the item; none is no error. */
  delete(item: T): void {
    const index = item.heapIndex;
    if (index < 0) return;
    item.heapIndex = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#place(last, index);
    this.#restore(last);
  }

  /** Removes the earliest item that is due, at or before `now`. */
  takeDue(now: number): T | undefined {
    const first = this.#items[0];
    if (first === undefined || first.dueAt > now) return undefined;
    this.delete(first);
    return first;
  }

  #restore(item: T): void {
    let index = item.heapIndex;
    for (;;) {
      const parent = index > 0 ? this.#items[(index - 1) >> 1] : undefined;
      if (parent === undefined || parent.dueAt <= item.dueAt) break;
      this.#place(parent, index);
      index = (index - 1) >> 1;
    }
    for (;;) {
      let child = 2 * index + 1;
      const left = this.#items[child];
      if (left === undefined) break;
      const right = this.#items[child + 1];
      const earlier = right !== undefined && right.dueAt < left.dueAt ? right : left;
      if (earlier === right) child += 1;
      if (earlier.dueAt >= item.dueAt) break;
      this.#place(earlier, index);
      index = child;
    }
    this.#place(item, index);
  }

  #place(item: T, index: number): void {
    this.#items[index] = item;
    item.heapIndex = index;
  }
}
