import { onAbort } from './on-abort.ts';

/**
 * How many requests may be under way at once, found out while working.
 *
 * The limit is judged once per round; a round is as many finished requests as the limit allows at a time, and at least
 * 250 ms. It grows by an eighth as long as the rate of the round was better than the best rate seen at a smaller
 * limit, and takes the step back where growing has not helped; now and then a full limit that held still tries again.
 * A request that was told to slow down (429, 503) halves the limit and begins a new round; requests that were under
 * way before the halving do not halve it again.
 */
export interface AdaptiveLimitOptions {
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  /** Milliseconds, for tests; default `performance.now`. */
  readonly now?: () => number;
}

export type RequestOutcome = 'succeeded' | 'overload' | 'failed';

const MIN_ROUND_MS = 250;
const GROWTH_DIVISOR = 8;
/** A rate counts as better only beyond the noise between two rounds. */
const BETTER_BY = 1.03;
/** Rounds at an unhelpful limit before a larger one is tried again: conditions change. */
const ROUNDS_BEFORE_RETRY = 20;

export class AdaptiveLimit {
  readonly #options: AdaptiveLimitOptions;
  readonly #now: () => number;
  readonly #waiting: (() => void)[] = [];
  #limit: number;
  #active = 0;
  #halvings = 0;
  #roundStart: number;
  #roundWeight = 0;
  #roundFinished = 0;
  #bestRate = 0;
  #heldRounds = 0;
  /** By how much the round before grew the limit. */
  #lastGrowth = 0;
  #wasSaturated = false;

  constructor(options: AdaptiveLimitOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#limit = Math.min(options.max, Math.max(options.min, options.initial));
    this.#roundStart = this.#now();
  }

  get limit(): number {
    return this.#limit;
  }

  get active(): number {
    return this.#active;
  }

  /**
   * Waits for a place.
   * @throws the reason of `signal` when it aborts first
   */
  async acquire(signal: AbortSignal): Promise<AdaptivePermit> {
    signal.throwIfAborted();
    if (this.#active >= this.#limit) {
      this.#wasSaturated = true;
      await this.#wait(signal);
    } else {
      this.#active++;
    }
    const halvings = this.#halvings;
    return new AdaptivePermit({
      release: (outcome, weight) => this.#finish(outcome, weight, halvings),
      slowDown: () => this.#halve(halvings),
    });
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stopListening = onAbort(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(grant), 1);
        reject(signal.reason as Error);
      });
      const grant = () => {
        stopListening();
        resolve();
      };
      this.#waiting.push(grant);
    });
  }

  #finish(outcome: RequestOutcome, weight: number, halvingsAtStart: number): void {
    this.#active--;
    this.#roundFinished++;
    if (outcome === 'succeeded') this.#roundWeight += weight;
    if (outcome === 'overload' && halvingsAtStart === this.#halvings) {
      this.#halve(halvingsAtStart);
    } else if (this.#roundFinished >= this.#limit && this.#now() - this.#roundStart >= MIN_ROUND_MS) {
      this.#judgeRound();
    }
    while (this.#active < this.#limit) {
      const grant = this.#waiting.shift();
      if (grant === undefined) break;
      this.#active++;
      grant();
    }
  }

  #halve(halvingsAtStart: number): void {
    if (halvingsAtStart !== this.#halvings) return;
    this.#limit = Math.max(this.#options.min, Math.floor(this.#limit / 2));
    this.#halvings++;
    this.#bestRate = 0;
    this.#lastGrowth = 0;
    this.#beginRound();
  }

  #judgeRound(): void {
    const rate = this.#roundWeight / (this.#now() - this.#roundStart);
    // A limit that nobody ran into says nothing about a larger one.
    if (this.#wasSaturated) {
      const step = Math.max(1, Math.floor(this.#limit / GROWTH_DIVISOR));
      if (rate > this.#bestRate * BETTER_BY || this.#heldRounds >= ROUNDS_BEFORE_RETRY) {
        this.#bestRate = Math.max(rate, this.#heldRounds >= ROUNDS_BEFORE_RETRY ? 0 : this.#bestRate);
        this.#lastGrowth = Math.min(step, this.#options.max - this.#limit);
        this.#limit += this.#lastGrowth;
        this.#heldRounds = 0;
      } else {
        this.#limit -= this.#lastGrowth;
        this.#lastGrowth = 0;
        this.#heldRounds++;
      }
    }
    this.#beginRound();
  }

  #beginRound(): void {
    this.#roundStart = this.#now();
    this.#roundFinished = 0;
    this.#roundWeight = 0;
    this.#wasSaturated = this.#waiting.length > 0;
  }
}

/** What a permit tells its limit. */
interface PermitListener {
  release(outcome: RequestOutcome, weight: number): void;
  slowDown(): void;
}

/** A place under the limit; must be released exactly once, which later calls do not repeat. */
export class AdaptivePermit {
  readonly #listener: PermitListener;
  #released = false;

  constructor(listener: PermitListener) {
    this.#listener = listener;
  }

  /** The request was told to slow down, and goes on all the same. */
  slowDown(): void {
    if (!this.#released) this.#listener.slowDown();
  }

  /** @param weight what the request achieved, in any unit that all requests under this limit share */
  release(outcome: RequestOutcome, weight: number): void {
    if (this.#released) return;
    this.#released = true;
    this.#listener.release(outcome, weight);
  }
}
