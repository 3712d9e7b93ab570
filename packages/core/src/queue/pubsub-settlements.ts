import { ServiceError } from '../domain/errors.ts';
import type { PubsubConnection } from './pubsub-connection.ts';

/** Pub/Sub takes 512 KiB of ids per request, and an id has some 200 bytes. */
const MAX_REQUEST_IDS = 2_000;
const MAX_REQUEST_BYTES = 400_000;
/** How long an id waits for others. */
const MAX_LATENCY_MS = 10;

const LEASE_LOST = 'PERMANENT_FAILURE_INVALID_ACK_ID';

/** `ack`, or the seconds that a lease is to last from now; 0 gives it up. */
type Settlement = 'ack' | number;

interface Batch {
  readonly ackIds: string[];
  bytes: number;
  /** The ids whose lease was not this process's any more; known only where a subscription delivers exactly once. */
  readonly sent: PromiseWithResolvers<ReadonlySet<string>>;
  readonly timer: NodeJS.Timeout;
}

/** Acks, nacks and prolongs the leases of one subscription, many in one request. */
export class PubsubSettlements {
  readonly #connection: PubsubConnection;
  readonly #subscription: string;
  readonly #open = new Map<Settlement, Batch>();
  readonly #unanswered = new Set<Promise<void>>();

  /** @param subscription the full name */
  constructor(connection: PubsubConnection, subscription: string) {
    this.#connection = connection;
    this.#subscription = subscription;
  }

  /**
   * Resolves when Pub/Sub has answered.
   * @returns false where Pub/Sub says that the lease was lost; without exactly-once delivery it never does
   * @throws what {@link PubsubConnection.call} throws
   */
  async settle(ackId: string, settlement: Settlement): Promise<boolean> {
    let batch = this.#open.get(settlement);
    if (batch === undefined) {
      const timer = setTimeout(() => this.#send(settlement), MAX_LATENCY_MS);
      batch = { ackIds: [], bytes: 0, sent: Promise.withResolvers<ReadonlySet<string>>(), timer };
      this.#open.set(settlement, batch);
    }
    batch.ackIds.push(ackId);
    batch.bytes += ackId.length;
    if (batch.ackIds.length >= MAX_REQUEST_IDS || batch.bytes >= MAX_REQUEST_BYTES) this.#send(settlement);
    const lost = await batch.sent.promise;
    return !lost.has(ackId);
  }

  /** Sends what waits and resolves when everything was answered or has failed, which its callers were told. */
  async flush(): Promise<void> {
    for (const settlement of this.#open.keys()) this.#send(settlement);
    await Promise.allSettled(this.#unanswered);
  }

  #send(settlement: Settlement): void {
    const batch = this.#open.get(settlement);
    if (batch === undefined) return;
    this.#open.delete(settlement);
    clearTimeout(batch.timer);
    const done = this.#request(settlement, batch.ackIds).then(batch.sent.resolve, batch.sent.reject);
    this.#unanswered.add(done);
    void done.finally(() => this.#unanswered.delete(done));
  }

  #request(settlement: Settlement, ackIds: string[]): Promise<ReadonlySet<string>> {
    const subscription = this.#subscription;
    const client = this.#connection.subscriber;
    const op = settlement === 'ack' ? 'Acknowledge' : 'ModifyAckDeadline';
    return this.#connection.call({ op, resource: subscription }, async (options) => {
      try {
        if (settlement === 'ack') await client.acknowledge({ subscription, ackIds }, options);
        else await client.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: settlement }, options);
        return new Set<string>();
      } catch (error) {
        const refused = refusedIds(error);
        if (refused.size === 0) throw error;
        if (refused.values().every((why) => why === LEASE_LOST)) return new Set(refused.keys());
        const reason = `${op} was refused for now: ${[...new Set(refused.values())].join(', ')}`;
        throw new ServiceError('SERVICE_UNAVAILABLE', reason, { op, source: subscription });
      }
    });
  }
}

/**
 * A subscription with exactly-once delivery names the ids that it refused; the others of the request were settled, and may be
 * settled again.
 * @see https://cloud.google.com/pubsub/docs/exactly-once-delivery
 */
function refusedIds(error: unknown): ReadonlyMap<string, string> {
  if (!(error instanceof Error) || !('errorInfoMetadata' in error)) return new Map();
  const entries = Object.entries((error.errorInfoMetadata ?? {}) as Readonly<Record<string, string>>);
  return new Map(entries.filter(([, why]) => /^(?:PERMANENT|TRANSIENT)_FAILURE_/.test(why)));
}
