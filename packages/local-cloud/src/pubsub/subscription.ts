import { AckIds } from './ack-id.ts';
import type { DeliveryCounters } from './delivery-counters.ts';
import { MessageBacklog } from './message-backlog.ts';
import type { OutstandingLimit } from './outstanding-limit.ts';
import type { PubsubFaults } from './pubsub-faults.ts';
import type { ResourceName } from './resource-name.ts';
import type { StoredMessage } from './stored-message.ts';
import type { SubscriptionSettings } from './subscription-settings.ts';
import type { Topic } from './topic.ts';
import type { WireReceivedMessage } from './wire-messages.ts';

/** Somebody who waits for messages: a call of Pull, or a stream. */
export interface Consumer {
  readonly leaseMs: number;
  readonly limit: OutstandingLimit;
  /** False while its connection is full. */
  readonly writable: boolean;
  /** Takes what was leased for it; never nothing. */
  deliver(messages: readonly WireReceivedMessage[]): void;
  /** The subscription is no more. */
  end(): void;
}

export interface SubscriptionOptions {
  readonly name: ResourceName;
  /** Undefined once the topic is deleted. */
  topic: Topic | undefined;
  readonly settings: SubscriptionSettings;
  readonly owner: number;
  readonly now: () => number;
  readonly faults: PubsubFaults;
  readonly counters: DeliveryCounters;
  readonly deadLetter: (from: Subscription, message: StoredMessage, deliveryAttempts: number) => boolean;
}

/** One response holds no more than this: others get their turn, and little waits where a connection is slow. */
const MAX_MESSAGES_PER_RESPONSE = 1000;
const MAX_BYTES_PER_RESPONSE = 1_000_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Hands the messages of a backlog to those who wait for them, one by one in turn, and wakes up when leases end. */
export class Subscription {
  readonly name: ResourceName;
  readonly ackIds: AckIds;
  readonly counters: DeliveryCounters;
  topic: Topic | undefined;
  readonly #backlog: MessageBacklog;
  readonly #now: () => number;
  #settings: SubscriptionSettings;
  /** In the order of their next turn. */
  readonly #consumers = new Set<Consumer>();
  #streamsOpened = 0;
  #dispatch: NodeJS.Immediate | undefined;
  #timer: { readonly handle: NodeJS.Timeout; readonly at: number } | undefined;

  constructor(options: SubscriptionOptions) {
    this.name = options.name;
    this.topic = options.topic;
    this.ackIds = new AckIds(options.owner);
    this.counters = options.counters;
    this.#now = options.now;
    this.#settings = options.settings;
    this.#backlog = new MessageBacklog({
      now: options.now,
      settings: () => this.#settings,
      faults: options.faults,
      counters: options.counters,
      toAckId: (reference) => this.ackIds.format(reference),
      deadLetter: (message, attempts) => options.deadLetter(this, message, attempts),
    });
  }

  get settings(): SubscriptionSettings {
    return this.#settings;
  }

  set settings(settings: SubscriptionSettings) {
    this.#settings = settings;
    this.#backlog.reviseRetention();
    this.#changed();
  }

  get waiting(): number {
    return this.#backlog.waiting;
  }

  get outstanding(): number {
    return this.#backlog.outstanding;
  }

  /** Streams that are open now. */
  get openStreams(): number {
    return this.#consumers.size;
  }

  /** Streams that were opened until now. */
  get streamsOpened(): number {
    return this.#streamsOpened;
  }

  receive(message: StoredMessage): void {
    this.#backlog.add(message);
    this.#changed();
  }

  /** Leases what is there, up to the limit, without waiting. */
  take(leaseMs: number, limit: OutstandingLimit): WireReceivedMessage[] {
    this.settleDue();
    const batch = new Batch();
    while (batch.messages.length < MAX_MESSAGES_PER_RESPONSE && batch.add(this.#backlog.lease(leaseMs, limit)));
    this.#changed();
    return batch.messages;
  }

  attach(consumer: Consumer): void {
    this.#consumers.add(consumer);
    this.#streamsOpened += 1;
    this.#changed();
  }

  detach(consumer: Consumer): void {
    this.#consumers.delete(consumer);
  }

  /** A consumer can take more than before. */
  resume(): void {
    this.#changed();
  }

  /** @throws {GrpcError} INVALID_ARGUMENT for ack ids that are none; nothing is acked then */
  acknowledge(ackIds: readonly string[]): void {
    for (const reference of this.ackIds.parse(ackIds)) this.#backlog.ack(reference);
    this.#changed();
  }

  /** @throws {GrpcError} INVALID_ARGUMENT for ack ids that are none; nothing is modified then */
  modifyLeases(ackIds: readonly string[], leaseMs: number): void {
    for (const reference of this.ackIds.parse(ackIds)) this.#backlog.modifyLease(reference, leaseMs);
    this.#changed();
  }

  seek(timeMs: number): void {
    this.#backlog.seek(timeMs);
    this.#changed();
  }

  /** Ends what is over by the clock; the timers do it too, for a clock that runs by itself. */
  settleDue(): void {
    this.#backlog.expire();
    this.#changed();
  }

  close(): void {
    clearImmediate(this.#dispatch);
    clearTimeout(this.#timer?.handle);
    for (const consumer of this.#consumers) consumer.end();
    this.#consumers.clear();
  }

  #changed(): void {
    if (this.#backlog.ready > 0 && this.#consumers.size > 0) {
      // Not at once: what is published together is delivered together.
      this.#dispatch ??= setImmediate(() => {
        this.#dispatch = undefined;
        this.#deliver();
      });
    }
    this.#arm();
  }

  #deliver(): void {
    this.#backlog.expire();
    const batches = new Map<Consumer, Batch>();
    let inTurn = [...this.#consumers].filter((consumer) => consumer.writable);
    while (inTurn.length > 0) inTurn = inTurn.filter((consumer) => this.#leaseOne(consumer, batches));
    for (const [consumer, { messages }] of batches) {
      if (this.#consumers.delete(consumer)) this.#consumers.add(consumer);
      consumer.deliver(messages);
    }
    if ([...batches.values()].some((batch) => !batch.open)) this.#changed();
    this.#arm();
  }

  #leaseOne(consumer: Consumer, batches: Map<Consumer, Batch>): boolean {
    const batch = batches.get(consumer) ?? new Batch();
    if (!batch.open || !batch.add(this.#backlog.lease(consumer.leaseMs, consumer.limit))) return false;
    batches.set(consumer, batch);
    return true;
  }

  #arm(): void {
    const at = this.#backlog.nextDueAt;
    if (at === undefined || (this.#timer !== undefined && this.#timer.at <= at)) return;
    clearTimeout(this.#timer?.handle);
    const handle = setTimeout(
      () => {
        this.#timer = undefined;
        this.settleDue();
      },
      Math.min(Math.max(1, at - this.#now()), MAX_TIMER_MS),
    );
    this.#timer = { handle, at };
  }
}

/** One response in the making. */
class Batch {
  readonly messages: WireReceivedMessage[] = [];
  #bytes = 0;

  get open(): boolean {
    return this.messages.length < MAX_MESSAGES_PER_RESPONSE && this.#bytes < MAX_BYTES_PER_RESPONSE;
  }

  add(message: WireReceivedMessage | undefined): boolean {
    if (message === undefined) return false;
    this.messages.push(message);
    this.#bytes += message.message.data.length;
    return true;
  }
}
