import { errorFields } from '../domain/classify-error.ts';
import { ServiceError } from '../domain/errors.ts';
import { endsWithin } from '../runtime/ends-within.ts';
import type { MessageSubscription, PullRequest, ReceivedMessage } from '../ports/message-queue.ts';
import type { Logger } from '../runtime/logger.ts';
import type { PubsubConnection } from './pubsub-connection.ts';
import type { PubsubDeadLetters } from './pubsub-dead-letters.ts';
import { PubsubDeliveryCounts } from './pubsub-delivery-counts.ts';
import { MAX_LEASE_SECONDS, secondsOf } from './pubsub-lease.ts';
import { PubsubReceivedMessage, type PubsubSettling } from './pubsub-received-message.ts';
import { PubsubRetryPolicy } from './pubsub-retry-policy.ts';
import { PubsubSettlements } from './pubsub-settlements.ts';
import { PubsubStream, type WireReceivedMessage } from './pubsub-stream.ts';
import { WakeUp } from './wake-up.ts';

/**
 * Messages of one subscription, over one stream that opens with the first pull.
 *
 * What the stream brings waits in a buffer, whose leases are prolonged, until a pull hands it out; from then on the lease
 * that the pull asked for counts. No more is handed out than the limits allow until some of it is settled or its lease has
 * run out, and the service holds back what goes beyond them. Closing hands back what was never handed out.
 */

export interface PubsubSubscriptionOptions {
  /** The full name. */
  readonly name: string;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly leaseMs: number;
  /** Without a dead-letter policy: a message that this process was given so often is dead-lettered instead. */
  readonly maxDeliveryAttempts: number;
  readonly maxOutageMs: number;
  /** How long closing waits for Pub/Sub. */
  readonly closeGraceMs: number;
  readonly deadLetters: PubsubDeadLetters;
  readonly logger: Logger;
  /** Milliseconds, from anywhere. */
  readonly now: () => number;
}

/** The largest message must fit through, or its subscription would stand still. */
const MIN_STREAM_BYTES = 10 * 1024 * 1024;
/** A lease younger than this is not prolonged when its message is handed out. */
const FRESH_LEASE_MS = 1_000;

export class PubsubSubscription implements MessageSubscription, PubsubSettling {
  readonly #connection: PubsubConnection;
  readonly #options: PubsubSubscriptionOptions;
  readonly #settlements: PubsubSettlements;
  readonly #retryPolicy: PubsubRetryPolicy;
  readonly #deliveries = new PubsubDeliveryCounts();
  readonly #wakeUp = new WakeUp();
  readonly #buffer: PubsubReceivedMessage[] = [];
  readonly #inHand = new Set<PubsubReceivedMessage>();
  #bufferedBytes = 0;
  #inHandBytes = 0;
  #stream: PubsubStream | undefined;
  #failure: Error | undefined;
  #prolonging: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  constructor(connection: PubsubConnection, options: PubsubSubscriptionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#settlements = new PubsubSettlements(connection, options.name);
    this.#retryPolicy = new PubsubRetryPolicy(connection, options.name, options.logger);
  }

  /**
   * The first pull opens the stream, so one that does not wait finds nothing.
   * @throws ConfigurationError `CONFIG_QUEUE_MISSING`, `CONFIG_ACCESS_DENIED`; the next pull tries anew
   * @throws ServiceError `SERVICE_UNAVAILABLE` where there was no stream for `maxOutageMs`; `SERVICE_REJECTED`
   */
  async pull(request: PullRequest): Promise<readonly ReceivedMessage[]> {
    const deadline = performance.now() + request.waitMs;
    while (this.#closing === undefined && !request.signal.aborted) {
      this.#openStream();
      const messages = this.#handOut(request);
      if (messages.length > 0) return messages;
      this.#throwFailure();
      const remainingMs = deadline - performance.now();
      if (remainingMs <= 0) break;
      await this.#wakeUp.wait(Math.min(remainingMs, this.#waitForOutageMs()), request.signal);
    }
    return [];
  }

  /**
   * Hands back what was never handed out. Messages that were handed out stay leased until they are settled, which they still
   * can be. Never fails, and ends in time: what Pub/Sub did not take back is logged, and comes back when its lease runs out.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Resolves when everything that was settled until now was answered, or has failed. */
  flush(): Promise<void> {
    return this.#settlements.flush();
  }

  now(): number {
    return this.#options.now();
  }

  settle(ackId: string, settlement: 'ack' | number): Promise<boolean> {
    return this.#settlements.settle(ackId, settlement);
  }

  /**
   * Pub/Sub delays messages by the subscription's retry policy, which it applies to what is given up. Without one, a message
   * stays away as long as nobody gives it up: it is left to the end of a lease. It counts as outstanding until then.
   */
  async delaySeconds(delayMs: number): Promise<number> {
    if (delayMs <= 0) return 0;
    return (await this.#retryPolicy.exists()) ? 0 : Math.min(MAX_LEASE_SECONDS, Math.ceil(delayMs / 1000));
  }

  publishDeadLetter(message: PubsubReceivedMessage, reason: string): Promise<void> {
    return this.#options.deadLetters.publish(message, reason);
  }

  released(message: PubsubReceivedMessage, forGood: boolean): void {
    if (forGood) this.#deliveries.forget(message.id);
    this.#drop(message);
  }

  #openStream(): void {
    if (this.#stream !== undefined || this.#failure !== undefined) return;
    const { name, maxMessages, maxBytes, leaseMs, logger } = this.#options;
    this.#stream = new PubsubStream(this.#connection, {
      subscription: name,
      leaseSeconds: secondsOf(leaseMs),
      maxMessages,
      maxBytes: Math.max(maxBytes, MIN_STREAM_BYTES),
      logger,
      onMessages: (messages) => this.#receive(messages),
      onFailure: (error) => {
        this.#stream = undefined;
        this.#failure = error;
        this.#wakeUp.notify();
      },
      onOutage: () => this.#wakeUp.notify(),
    });
    this.#prolonging ??= setInterval(() => this.#prolongBuffered(), (secondsOf(leaseMs) * 1000) / 3);
  }

  #receive(messages: readonly WireReceivedMessage[]): void {
    const leasedUntil = this.now() + secondsOf(this.#options.leaseMs) * 1000;
    for (const wire of messages) {
      const message = new PubsubReceivedMessage(this, wire, leasedUntil);
      this.#buffer.push(message);
      this.#bufferedBytes += message.sizeBytes;
    }
    this.#balance();
    this.#wakeUp.notify();
  }

  #handOut(request: PullRequest): readonly ReceivedMessage[] {
    const { maxMessages, maxBytes } = this.#options;
    if (this.#inHand.size >= maxMessages || this.#inHandBytes >= maxBytes) this.#forgetExpired();
    const handed: PubsubReceivedMessage[] = [];
    while (handed.length < request.maxMessages && this.#inHand.size < maxMessages) {
      const [next] = this.#buffer;
      if (next === undefined) break;
      if (this.#inHand.size > 0 && this.#inHandBytes + next.sizeBytes > maxBytes) break;
      this.#buffer.shift();
      this.#bufferedBytes -= next.sizeBytes;
      // It has come again already, or will: this process stood still for longer than its leases.
      if (next.leasedUntil <= this.now()) continue;
      if (next.deliveryAttempt === 0) {
        next.deliveryAttempt = this.#deliveries.next(next.id);
        if (next.deliveryAttempt > this.#options.maxDeliveryAttempts && this.#giveUp(next)) continue;
      }
      this.#inHand.add(next);
      this.#inHandBytes += next.sizeBytes;
      this.#beginLease(next, request.leaseMs);
      handed.push(next);
    }
    this.#balance();
    return handed;
  }

  /** The lease counts from now on: what was left of that of the buffer may be less. */
  #beginLease(message: PubsubReceivedMessage, leaseMs: number): void {
    const leasedMs = message.leasedUntil - this.now();
    const wantedMs = secondsOf(leaseMs) * 1000;
    if (leasedMs > wantedMs || wantedMs - leasedMs > FRESH_LEASE_MS) this.#prolong(message, wantedMs);
  }

  #prolongBuffered(): void {
    for (const message of this.#buffer) this.#prolong(message, this.#options.leaseMs);
  }

  #prolong(message: PubsubReceivedMessage, leaseMs: number): void {
    message.extendLease(leaseMs).catch((error: unknown) => {
      this.#options.logger.warn(
        { messageId: message.id, ...errorFields(error) },
        'a message lease could not be extended',
      );
    });
  }

  async #close(): Promise<void> {
    const { name: subscription, closeGraceMs, logger } = this.#options;
    clearInterval(this.#prolonging);
    this.#wakeUp.notify();
    let failure: unknown;
    const handedBack = new Set<PubsubReceivedMessage>();
    const handBack = async (message: PubsubReceivedMessage): Promise<void> => {
      try {
        await message.nack();
        handedBack.add(message);
      } catch (error) {
        failure = error;
      }
    };
    const handBackAll = async (): Promise<void> => {
      await this.#stream?.close();
      await Promise.all([...this.#buffer.map(handBack), this.flush()]);
    };
    await endsWithin(handBackAll(), closeGraceMs);
    const left = this.#buffer.filter((message) => !handedBack.has(message)).length;
    if (left === 0) return;
    logger.warn(
      { subscription, messages: left, ...(failure === undefined ? {} : errorFields(failure)) },
      'messages could not be handed back; they come back when their leases run out',
    );
  }

  /** @returns false where there is nowhere to put it: it is delivered on and on */
  #giveUp(message: PubsubReceivedMessage): boolean {
    const { deadLetters, logger } = this.#options;
    if (!deadLetters.available) return false;
    const reason = `delivered ${message.deliveryAttempt - 1} times and never acked`;
    logger.error({ messageId: message.id, reason }, 'a message was set aside');
    message.deadLetter(reason).catch((error: unknown) => {
      logger.warn(
        { messageId: message.id, ...errorFields(error) },
        'a message could not be dead-lettered; it comes back',
      );
    });
    return true;
  }

  #forgetExpired(): void {
    const now = this.now();
    for (const message of this.#inHand) if (message.leasedUntil <= now) this.#drop(message);
  }

  #drop(message: PubsubReceivedMessage): void {
    if (!this.#inHand.delete(message)) return;
    this.#inHandBytes -= message.sizeBytes;
    this.#balance();
    if (this.#buffer.length > 0) this.#wakeUp.notify();
  }

  /** Some servers send more than they were asked for: then the stream rests. */
  #balance(): void {
    const { maxMessages, maxBytes } = this.#options;
    const full =
      this.#buffer.length + this.#inHand.size >= maxMessages ||
      this.#bufferedBytes + this.#inHandBytes >= Math.max(maxBytes, MIN_STREAM_BYTES);
    if (full) this.#stream?.pause();
    else this.#stream?.resume();
  }

  #throwFailure(): void {
    const failure = this.#failure;
    if (failure !== undefined) {
      this.#failure = undefined;
      throw failure;
    }
    const outage = this.#stream?.outage;
    if (outage === undefined || this.#waitForOutageMs() > 0) return;
    const seconds = ((performance.now() - outage.since) / 1000).toFixed(1);
    const { name } = this.#options;
    throw new ServiceError(
      'SERVICE_UNAVAILABLE',
      `no messages could be pulled from ${name} for ${seconds} s: ${outage.lastError.message}`,
      { op: 'StreamingPull', source: name },
    );
  }

  /** How long the outage that there may be is still to be waited out. */
  #waitForOutageMs(): number {
    const outage = this.#stream?.outage;
    if (outage === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, outage.since + this.#options.maxOutageMs - performance.now());
  }
}
