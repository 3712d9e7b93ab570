import type { Patience } from '../config/call-google-service.ts';
import type { MessageQueue, MessageSubscription, OutgoingMessage } from '../ports/message-queue.ts';
import type { Logger } from '../runtime/logger.ts';
import { CLOSE_GRACE_MS, PubsubConnection, type PubsubKeepalive } from './pubsub-connection.ts';
import { PubsubDeadLetters } from './pubsub-dead-letters.ts';
import { type PubsubBatching, PubsubPublisher } from './pubsub-publisher.ts';
import { PubsubSubscription } from './pubsub-subscription.ts';

export interface PubsubMessageQueueOptions {
  /** The project of topics and subscriptions that are given by their bare id. */
  readonly projectId: string;
  /** `PUBSUB_EMULATOR_HOST`, `host:port` without TLS; without it, Google's Pub/Sub. */
  readonly emulatorHost?: string | undefined;
  /** Where messages go that are dead-lettered. Without it, `deadLetter` throws. */
  readonly deadLetterTopic?: string | undefined;
  /** Of each subscription, in this process's hands or on the way there. */
  readonly maxMessagesInFlight: number;
  readonly maxBytesInFlight: number;
  /** How long messages are leased while they wait to be pulled: 10 s to 600 s. */
  readonly leaseMs: number;
  readonly logger: Logger;
  readonly batching?: Partial<PubsubBatching> | undefined;
  /** How long calls are tried; default a minute. */
  readonly patience?: Patience | undefined;
  /** How long closing waits for Pub/Sub; default 3 s. */
  readonly closeGraceMs?: number | undefined;
  readonly keepalive?: PubsubKeepalive | undefined;
  /** After so long without a stream a pull fails; default a minute. */
  readonly maxOutageMs?: number | undefined;
  /**
   * For subscriptions without a dead-letter policy, which is what should limit deliveries: a message that this process was
   * given so often goes to the dead-letter topic. Default 20, as the policies have it that `prepare-pubsub.ts` creates.
   */
  readonly maxDeliveryAttempts?: number | undefined;
  /** The clock of leases, in milliseconds from anywhere; default that of `performance`. */
  readonly now?: (() => number) | undefined;
}

const MAX_OUTAGE_MS = 60_000;
const MAX_DELIVERY_ATTEMPTS = 20;

/**
 * Google Pub/Sub. Topics and subscriptions are given by their id, or as `projects/PROJECT/topics/ID` and
 * `projects/PROJECT/subscriptions/ID`; they must be there. Nothing is connected before it is needed.
 *
 * Messages are delivered at least once and in any order. `deliveryAttempt` is what Pub/Sub says where the subscription has a
 * dead-letter policy, and the deliveries to this process otherwise. A message that is nacked with a delay comes back as the
 * subscription's retry policy says; without one, after the delay, of 600 s at most.
 * @throws ConfigurationError `CONFIG_INVALID` for a malformed emulator host
 */
export function createPubsubMessageQueue(options: PubsubMessageQueueOptions): PubsubMessageQueue {
  return new PubsubMessageQueue(options);
}

export class PubsubMessageQueue implements MessageQueue {
  readonly #options: PubsubMessageQueueOptions;
  readonly #connection: PubsubConnection;
  readonly #publisher: PubsubPublisher;
  readonly #deadLetters: PubsubDeadLetters;
  readonly #subscriptions: PubsubSubscription[] = [];

  constructor(options: PubsubMessageQueueOptions) {
    this.#options = options;
    this.#connection = new PubsubConnection(options);
    this.#publisher = new PubsubPublisher(this.#connection, options.batching);
    this.#deadLetters = new PubsubDeadLetters(this.#publisher, options.deadLetterTopic);
  }

  /** @throws what {@link PubsubPublisher.publish} throws */
  publish(topic: string, messages: readonly OutgoingMessage[]): Promise<void> {
    return this.#publisher.publish(topic, messages);
  }

  /** @throws ConfigurationError `CONFIG_INVALID` for a malformed name */
  subscribe(subscription: string): MessageSubscription {
    const options = this.#options;
    const opened = new PubsubSubscription(this.#connection, {
      name: this.#connection.subscriptionName(subscription),
      maxMessages: options.maxMessagesInFlight,
      maxBytes: options.maxBytesInFlight,
      leaseMs: options.leaseMs,
      maxDeliveryAttempts: options.maxDeliveryAttempts ?? MAX_DELIVERY_ATTEMPTS,
      maxOutageMs: options.maxOutageMs ?? MAX_OUTAGE_MS,
      closeGraceMs: options.closeGraceMs ?? CLOSE_GRACE_MS,
      deadLetters: this.#deadLetters,
      logger: options.logger,
      now: options.now ?? (() => performance.now()),
    });
    this.#subscriptions.push(opened);
    return opened;
  }

  /**
   * Hands back what was never pulled, waits for what was published and settled, and ends the connections. Where Pub/Sub does
   * not answer in time, what is left fails, which whoever waits for it is told; what was not handed back is logged.
   */
  async close(): Promise<void> {
    this.#connection.beginClosing();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.close()));
    await this.#publisher.close();
    await Promise.all(this.#subscriptions.map((subscription) => subscription.flush()));
    await this.#connection.close();
  }
}
