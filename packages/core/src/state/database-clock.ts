/** How long a measurement is relied on: clocks drift apart by milliseconds in a minute, and servers are replaced. */
const VALID_MS = 60_000;
/** How far the host's two clocks may drift apart in that time before one of them must have jumped. */
const MAX_DRIFT_MS = 1000;
const SAMPLES = 3;

export interface DatabaseClockOptions {
  /** Milliseconds since any moment, which nobody sets. */
  readonly monotonicNow: () => number;
  /** The host's clock, which may be set at any time: milliseconds since 1970. */
  readonly hostNow: () => number;
  /** Asks the database for its clock: milliseconds since 1970. */
  readonly databaseNow: () => Promise<number>;
}

interface Measurement {
  readonly databaseMs: number;
  readonly monotonicMs: number;
  readonly hostMs: number;
}

/**
 * The database's clock, by which all hosts agree about when a lease ends. Asking costs a round trip, so that it is asked
 * once a minute and goes on by the time that has passed since. That is told by a clock which nobody sets: a host that is put
 * right by an hour must not take what others hold for expired. It stands still while a host is suspended, which is found
 * out by comparing it with the host's other clock.
 */
export class DatabaseClock {
  readonly #options: DatabaseClockOptions;
  #measured: Measurement | undefined;
  #measuring: Promise<Measurement> | undefined;

  constructor(options: DatabaseClockOptions) {
    this.#options = options;
  }

  /** Milliseconds since 1970. */
  async now(): Promise<number> {
    const measured = this.#measured;
    const { databaseMs, monotonicMs } =
      measured !== undefined && this.#isValid(measured) ? measured : await this.#measureOnce();
    return Math.round(databaseMs + this.#options.monotonicNow() - monotonicMs);
  }

  #isValid({ monotonicMs, hostMs }: Measurement): boolean {
    const { monotonicNow, hostNow } = this.#options;
    const passedMs = monotonicNow() - monotonicMs;
    return passedMs < VALID_MS && Math.abs(hostNow() - hostMs - passedMs) < MAX_DRIFT_MS;
  }

  #measureOnce(): Promise<Measurement> {
    this.#measuring ??= this.#measure().finally(() => (this.#measuring = undefined));
    return this.#measuring;
  }

  async #measure(): Promise<Measurement> {
    const { monotonicNow, hostNow, databaseNow } = this.#options;
    // The quickest answer says it best: the first may have had to wait for a connection.
    let best: (Measurement & { readonly roundTripMs: number }) | undefined;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const beforeMs = monotonicNow();
      const databaseMs = await databaseNow();
      const afterMs = monotonicNow();
      const roundTripMs = afterMs - beforeMs;
      if (best !== undefined && roundTripMs >= best.roundTripMs) continue;
      // Half of the round trip was the way there.
      best = { databaseMs: databaseMs + roundTripMs / 2, monotonicMs: afterMs, hostMs: hostNow(), roundTripMs };
    }
    if (best === undefined) throw new Error('no sample was taken');
    this.#measured = best;
    return best;
  }
}
