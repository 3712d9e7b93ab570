import { classifyError } from '../domain/classify-error.ts';
import { leaseLost } from '../domain/lease-lost.ts';
import type { StateStore, SubfolderLease } from '../ports/state-store.ts';

/** Extends a subfolder's lease at a third of its length, until it is stopped or the lease is lost. */
export class LeaseKeeper {
  /** Aborts with the outer signal, or with a StateError `STATE_LEASE_LOST` once the lease is lost. */
  readonly signal: AbortSignal;
  readonly #store: Pick<StateStore, 'extendSubfolderLease'>;
  readonly #leaseMs: number;
  readonly #lost = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #now: () => number;
  #lease: SubfolderLease;
  /** By a clock of this process that nobody sets; the lease itself is counted by the state's, which may be another host's. */
  #heldUntilMs: number;
  #extending: Promise<void> | undefined;

  constructor(
    store: Pick<StateStore, 'extendSubfolderLease'>,
    lease: SubfolderLease,
    leaseMs: number,
    outerSignal: AbortSignal,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    this.#heldUntilMs = now() + leaseMs;
    this.#store = store;
    this.#lease = lease;
    this.#leaseMs = leaseMs;
    this.signal = AbortSignal.any([outerSignal, this.#lost.signal]);
    this.#timer = setInterval(() => {
      this.#extending ??= this.#extend().finally(() => {
        this.#extending = undefined;
      });
    }, leaseMs / 3);
  }

  /** The lease as it was last extended. */
  get lease(): SubfolderLease {
    return this.#lease;
  }

  /** Ends the extending and waits for the one under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#extending;
  }

  async #extend(): Promise<void> {
    const askedAt = this.#now();
    try {
      const extended = await this.#store.extendSubfolderLease(this.#lease, this.#leaseMs);
      if (extended === undefined) {
        this.#lost.abort(leaseLost('extendSubfolderLease', this.#lease.dirKey));
        return;
      }
      this.#lease = extended;
      this.#heldUntilMs = askedAt + this.#leaseMs;
    } catch (error) {
      // As long as the lease has not run out, the next extension may still come in time.
      const mayRecover = classifyError(error).retryable && this.#now() < this.#heldUntilMs;
      if (!mayRecover) this.#lost.abort(error);
    }
  }
}
