/** Deliveries of a message are remembered for as many messages as this; the oldest are forgotten first. */
const MAX_MESSAGES = 10_000;

/**
 * How often this process was given each message, for subscriptions that do not say it: Pub/Sub counts only for those with
 * a dead-letter policy. Other processes, and this one after a restart, count anew.
 */
export class PubsubDeliveryCounts {
  readonly #counts = new Map<string, number>();

  /** @returns which delivery this is, from 1 */
  next(messageId: string): number {
    const count = (this.#counts.get(messageId) ?? 0) + 1;
    this.#counts.delete(messageId);
    this.#counts.set(messageId, count);
    if (this.#counts.size > MAX_MESSAGES) {
      const [oldest] = this.#counts.keys();
      if (oldest !== undefined) this.#counts.delete(oldest);
    }
    return count;
  }

  forget(messageId: string): void {
    this.#counts.delete(messageId);
  }
}
