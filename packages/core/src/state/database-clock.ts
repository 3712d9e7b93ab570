/** How long an offset is relied on: clocks drift apart by milliseconds in a minute, and servers are replaced. */
const OFFSET_VALID_MS = 60_000;
const SAMPLES = 3;

export interface DatabaseClockOptions {
  /** The host's clock: milliseconds since 1970. */
  readonly hostNow: () => number;
  /** Asks the database for its clock: milliseconds since 1970. */
  readonly databaseNow: () => Promise<number>;
}

/**
 * The database's clock, by which all hosts agree about when a lease ends. Asking costs a round trip, so that its distance
 * from the host's clock is kept for a minute.
 */
export class DatabaseClock {
  readonly #options: DatabaseClockOptions;
  #offsetMs: number | undefined;
  #measuredAtMs = 0;
  #measuring: Promise<number> | undefined;

  constructor(options: DatabaseClockOptions) {
    this.#options = options;
  }

  /** Milliseconds since 1970. */
  async now(): Promise<number> {
    const hostMs = this.#options.hostNow();
    // Also where the host's clock was set back.
    const isValid = Math.abs(hostMs - this.#measuredAtMs) < OFFSET_VALID_MS;
    const offsetMs = isValid && this.#offsetMs !== undefined ? this.#offsetMs : await this.measure();
    return this.#options.hostNow() + offsetMs;
  }

  /** @returns how far the database's clock is ahead of the host's */
  measure(): Promise<number> {
    this.#measuring ??= this.#measure().finally(() => (this.#measuring = undefined));
    return this.#measuring;
  }

  async #measure(): Promise<number> {
    // The quickest answer says it best: the first may have had to wait for a connection.
    let best: { readonly offsetMs: number; readonly roundTripMs: number } | undefined;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const beforeMs = this.#options.hostNow();
      const databaseMs = await this.#options.databaseNow();
      const afterMs = this.#options.hostNow();
      const roundTripMs = afterMs - beforeMs;
      // Half of the round trip was the way there.
      const offsetMs = Math.round(databaseMs - (beforeMs + afterMs) / 2);
      if (best === undefined || roundTripMs < best.roundTripMs) best = { offsetMs, roundTripMs };
    }
    if (best === undefined) throw new Error('no sample was taken');
    this.#offsetMs = best.offsetMs;
    this.#measuredAtMs = this.#options.hostNow();
    return best.offsetMs;
  }
}
