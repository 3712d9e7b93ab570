/** Until when one call is tried. It can be brought forward while the call is under way. Times are those of `performance`. */
export class CallDeadline implements Disposable {
  readonly startedAt = performance.now();
  readonly #passed = new AbortController();
  #at: number;
  #timer: NodeJS.Timeout | undefined;

  /** @param limitMs from now; none is left where it is not positive */
  constructor(limitMs: number) {
    this.#at = Number.POSITIVE_INFINITY;
    this.bringForward(this.startedAt + limitMs);
  }

  /** Aborts when it has passed. */
  get signal(): AbortSignal {
    return this.#passed.signal;
  }

  get remainingMs(): number {
    return this.#at - performance.now();
  }

  /** @param at a later one than there is changes nothing */
  bringForward(at: number): void {
    if (at >= this.#at) return;
    this.#at = at;
    clearTimeout(this.#timer);
    if (this.remainingMs <= 0) this.#passed.abort();
    else this.#timer = setTimeout(() => this.#passed.abort(), this.remainingMs);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
