import { onAbort } from './on-abort.ts';

/**
 * How much may be taken per second: a token bucket that fills at the rate and holds a second's worth at most.
 *
 * Callers are served in the order in which they came. What is more than the bucket holds is saved up for while its caller
 * is the first in line, so that a large amount waits for as long as it lasts at the rate, and never for ever; nothing is
 * granted on credit. It begins empty: a fleet of workers that start at once does not take a second's worth at once.
 * In any time, then, no more is granted than the rate times that time, and what the bucket held: a second's worth, or one
 * larger amount.
 */
export interface RateLimitOptions {
  /** Default Infinity: no limit. */
  readonly perSecond?: number | undefined;
  /** Milliseconds since any moment, by a clock that nobody sets; default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/** In line, between its neighbours: leaving takes the same time wherever it is. */
interface Waiter {
  readonly amount: number;
  readonly grant: () => void;
  before: Waiter | undefined;
  after: Waiter | undefined;
}

/** What the bucket holds at most, as so many seconds of the rate. */
const BURST_SECONDS = 1;
/** The longest that a timer of Node's can be set to is 24 days; what waits longer is looked at again. */
const MAX_TIMER_MS = 3_600_000;

export class RateLimit {
  readonly #now: () => number;
  #perSecond: number;
  #level = 0;
  #filledAtMs: number;
  #granted = 0;
  #first: Waiter | undefined;
  #last: Waiter | undefined;
  /** Of the first in line. */
  #timer: NodeJS.Timeout | undefined;

  constructor({ perSecond = Infinity, now = () => performance.now() }: RateLimitOptions = {}) {
    this.#now = now;
    this.#perSecond = perSecond;
    this.#filledAtMs = now();
  }

  /** Infinity: no limit. */
  get perSecond(): number {
    return this.#perSecond;
  }

  /** What has been granted since the beginning, limited or not. */
  get granted(): number {
    return this.#granted;
  }

  /** Holds from now on, also for those who wait. @param perSecond more than 0; Infinity: no limit */
  setPerSecond(perSecond: number): void {
    if (perSecond === this.#perSecond) return;
    this.#fill();
    // Nothing was saved up while nothing was limited.
    if (this.#perSecond === Infinity) this.#level = 0;
    this.#perSecond = perSecond;
    this.#grantWaiting();
  }

  /**
   * Takes an amount, as soon as there is so much.
   * @returns `undefined` where it is granted at once
   * @throws the reason of `signal` when it aborts first, as a rejection; nothing is taken then
   */
  take(amount: number, signal: AbortSignal): Promise<void> | undefined {
    if (this.#first === undefined && this.#tryTake(amount)) return undefined;
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        amount,
        grant: () => {
          stopListening();
          resolve();
        },
        before: this.#last,
        after: undefined,
      };
      const stopListening = onAbort(signal, () => {
        this.#leave(waiter);
        this.#grantWaiting();
        reject(signal.reason as Error);
      });
      if (this.#last === undefined) this.#first = waiter;
      else this.#last.after = waiter;
      this.#last = waiter;
      if (this.#first === waiter) this.#setTimer(waiter);
    });
  }

  #tryTake(amount: number): boolean {
    if (this.#perSecond !== Infinity) {
      this.#fill();
      if (this.#level < amount) return false;
      this.#level -= amount;
    }
    this.#granted += amount;
    return true;
  }

  #fill(): void {
    const nowMs = this.#now();
    if (this.#perSecond === Infinity) {
      this.#filledAtMs = nowMs;
      return;
    }
    const filled = this.#level + ((nowMs - this.#filledAtMs) / 1000) * this.#perSecond;
    this.#level = Math.min(filled, Math.max(this.#perSecond * BURST_SECONDS, this.#first?.amount ?? 0));
    this.#filledAtMs = nowMs;
  }

  #grantWaiting(): void {
    let first = this.#first;
    while (first !== undefined && this.#tryTake(first.amount)) {
      this.#leave(first);
      first.grant();
      first = this.#first;
    }
    clearTimeout(this.#timer);
    if (first !== undefined) this.#setTimer(first);
  }

  #setTimer({ amount }: Waiter): void {
    const waitMs = Math.ceil(((amount - this.#level) / this.#perSecond) * 1000);
    this.#timer = setTimeout(() => this.#grantWaiting(), Math.min(Math.max(1, waitMs), MAX_TIMER_MS));
  }

  #leave({ before, after }: Waiter): void {
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
  }
}
