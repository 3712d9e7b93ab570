/** What becomes of something that a process has sent: it reaches its server, or its connection ends before. */
export type Verdict = 'pass' | 'drop';

/** One request or statement, held on its way until somebody says what becomes of it. */
export interface Moment {
  /** For whoever reads of a failure. */
  readonly what: string;
  release(verdict: Verdict): void;
}

interface Waiter {
  readonly matches: (what: string, count: number) => boolean;
  readonly reached: (moment: Moment) => void;
}

/**
 * Counts what processes send to their servers, and holds what a test waits for: a moment of a process is the n-th of these,
 * whatever the clock says.
 */
export class Moments {
  #count = 0;
  #waiters: Waiter[] = [];
  readonly #held = new Set<Moment>();

  /** Counted since the beginning, or since {@link restart}. */
  get count(): number {
    return this.#count;
  }

  restart(): void {
    this.#count = 0;
    this.#waiters = [];
  }

  /** The n-th from the last {@link restart} on, counted from 1. */
  nth(n: number): Promise<Moment> {
    return this.#next((_, count) => count === n);
  }

  /** The next that matches; they read `S3 GET /…`, `CDN GET /…`, `GCS POST /…`, `SQL INSERT …`. */
  next(pattern: RegExp): Promise<Moment> {
    return this.#next((what) => pattern.test(what));
  }

  /** Called by the servers for each; resolves when it may go on, or is to be dropped. */
  see(what: string): Promise<Verdict> {
    this.#count += 1;
    const waiter = this.#waiters.find(({ matches }) => matches(what, this.#count));
    if (waiter === undefined) return Promise.resolve('pass');
    this.#waiters = this.#waiters.filter((each) => each !== waiter);
    return new Promise((resolve) => {
      const moment: Moment = {
        what,
        release: (verdict) => {
          this.#held.delete(moment);
          resolve(verdict);
        },
      };
      this.#held.add(moment);
      waiter.reached(moment);
    });
  }

  /** Lets go of all that is held. */
  close(): void {
    for (const moment of this.#held) moment.release('drop');
  }

  #next(matches: Waiter['matches']): Promise<Moment> {
    return new Promise((reached) => {
      this.#waiters.push({ matches, reached });
    });
  }
}
