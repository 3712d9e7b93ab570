import { backoffMs } from './backoff.ts';
import type { DeliveryCounters } from './delivery-counters.ts';
import { DueHeap, type DueItem } from './due-heap.ts';
import type { OutstandingLimit } from './outstanding-limit.ts';
import type { PubsubFaults } from './pubsub-faults.ts';
import { ReadyQueue } from './ready-queue.ts';
import type { StoredMessage } from './stored-message.ts';
import type { SubscriptionSettings } from './subscription-settings.ts';
import type { WireReceivedMessage } from './wire-messages.ts';

/*
 * The messages of one subscription and what becomes of each.
 *
 *   ready    may be delivered; stands in the ready queue.
 *   leased   is delivered; in the heap until the lease ends. Ends by ack, nack (a lease of 0) or by time.
 *   resting  is in the heap until its delay is over, then ready: after a failed delivery under a retry policy.
 *   acked    is settled, and kept only where the subscription retains such messages, for a seek to bring back.
 *
 * A nack and a lease that runs out are failed deliveries. A failed delivery leads to resting or ready, or, when the
 * dead-letter policy's attempts are used up, out of here to the dead-letter topic. An ack id names a delivery: it settles
 * the message, even when the lease has ended, until the next delivery makes it stale. All of them leave when they are
 * older than the retention.
 */

const State = { ready: 'ready', leased: 'leased', resting: 'resting', acked: 'acked' } as const;
type State = (typeof State)[keyof typeof State];

interface Entry extends DueItem {
  readonly serial: number;
  readonly message: StoredMessage;
  state: State;
  /** Which delivery the ack id has to name; 0 before the first. */
  delivery: number;
  failures: number;
  duplicated: boolean;
  /** Whose limit it counts against while it is leased. */
  holder: OutstandingLimit | undefined;
}

export interface AckReference {
  readonly serial: number;
  readonly delivery: number;
}

export interface BacklogContext {
  readonly now: () => number;
  readonly settings: () => SubscriptionSettings;
  readonly faults: PubsubFaults;
  readonly counters: DeliveryCounters;
  readonly toAckId: (reference: AckReference) => string;
  /** False where there is no such topic (any more): the message stays here then. */
  readonly deadLetter: (message: StoredMessage, deliveryAttempts: number) => boolean;
}

export class MessageBacklog {
  readonly #context: BacklogContext;
  /** In the order of publishing. */
  readonly #entries = new Map<number, Entry>();
  readonly #ready = new ReadyQueue<Entry>();
  readonly #due = new DueHeap<Entry>();
  readonly #counts: Record<State, number> = { ready: 0, leased: 0, resting: 0, acked: 0 };
  #nextSerial = 1;
  /** Nothing outlives its retention before this. */
  #oldestExpiresAt = Number.POSITIVE_INFINITY;

  constructor(context: BacklogContext) {
    this.#context = context;
  }

  /** Deliverable now. */
  get ready(): number {
    return this.#counts.ready;
  }

  /** Deliverable now or after a delay. */
  get waiting(): number {
    return this.#counts.ready + this.#counts.resting;
  }

  get outstanding(): number {
    return this.#counts.leased;
  }

  /** When `expire` has something to do next. */
  get nextDueAt(): number | undefined {
    return this.#due.nextDueAt;
  }

  add(message: StoredMessage): void {
    const { faults, now, settings } = this.#context;
    const entry: Entry = {
      serial: this.#nextSerial,
      message,
      state: State.ready,
      delivery: 0,
      failures: 0,
      duplicated: false,
      holder: undefined,
      dueAt: 0,
      heapIndex: -1,
    };
    this.#nextSerial += 1;
    this.#entries.set(entry.serial, entry);
    this.#counts.ready += 1;
    this.#await(entry, faults.deliveryDelayMs, now());
    const expiresAt = message.publishedAtMs + settings().messageRetentionMs;
    this.#oldestExpiresAt = Math.min(this.#oldestExpiresAt, expiresAt);
  }

  /** Leases the next message, unless there is none or the holder does not admit it. */
  lease(leaseMs: number, holder: OutstandingLimit): WireReceivedMessage | undefined {
    const { counters, faults, now, settings, toAckId } = this.#context;
    const entry = this.#nextReady();
    if (entry === undefined || !holder.admits(entry.message.bytes)) return undefined;
    this.#ready.shift();
    this.#move(entry, State.leased);
    entry.delivery += 1;
    entry.holder = holder;
    holder.add(entry.message.bytes);
    this.#due.set(entry, now() + leaseMs);
    counters.delivered += 1;
    const delivery: WireReceivedMessage = {
      ackId: toAckId(entry),
      message: entry.message.wire,
      deliveryAttempt: settings().deadLetterPolicy === undefined ? 0 : entry.failures + 1,
    };
    if (!entry.duplicated && faults.takeDuplicate()) {
      entry.duplicated = true;
      this.#await(entry, 0, now());
    }
    return delivery;
  }

  /** Settles the message, unless the ack id is stale: nobody is told of that. */
  ack(reference: AckReference): void {
    const entry = this.#find(reference);
    if (entry === undefined || entry.state === State.acked || this.#context.faults.takeLostAck()) return;
    const { counters, faults, now } = this.#context;
    counters.acked += 1;
    if (faults.takeLateDuplicate()) this.#await(entry, faults.lateDuplicateDelayMs, now());
    else this.#settle(entry);
  }

  /** Ends the lease `leaseMs` from now; 0 hands the message back. Does nothing where there is no such lease. */
  modifyLease(reference: AckReference, leaseMs: number): void {
    const entry = this.#find(reference);
    if (entry === undefined || entry.state !== State.leased) return;
    const now = this.#context.now();
    if (leaseMs > 0) {
      this.#due.set(entry, now + leaseMs);
      return;
    }
    this.#context.counters.nacked += 1;
    this.#fail(entry, now);
  }

  /** Ends the leases and delays that are over, and drops what is older than the retention. */
  expire(): void {
    const now = this.#context.now();
    for (let entry = this.#due.takeDue(now); entry !== undefined; entry = this.#due.takeDue(now)) {
      if (entry.state === State.leased) {
        this.#context.counters.expired += 1;
        this.#fail(entry, now);
      } else {
        this.#await(entry, 0, now);
      }
    }
    if (now >= this.#oldestExpiresAt) this.#dropOld(now);
  }

  /** Settles all that was published before the time, and brings back what was published since and is still kept. */
  seek(timeMs: number): void {
    for (const entry of this.#entries.values()) {
      if (entry.message.publishedAtMs < timeMs) {
        if (entry.state !== State.acked) this.#settle(entry);
      } else if (entry.state === State.acked) {
        entry.failures = 0;
        this.#await(entry, 0, this.#context.now());
      }
    }
  }

  /** Looks at the retention again: it may have changed. */
  reviseRetention(): void {
    this.#dropOld(this.#context.now());
  }

  #find({ serial, delivery }: AckReference): Entry | undefined {
    const entry = this.#entries.get(serial);
    return entry?.delivery === delivery ? entry : undefined;
  }

  #nextReady(): Entry | undefined {
    if (this.#counts.ready === 0) return undefined;
    for (;;) {
      this.#ready.bringForward(this.#context.faults.pickNext(this.#ready.size));
      const entry = this.#ready.peek();
      // Messages that were settled while they stood here are passed over.
      if (entry === undefined || entry.state === State.ready) return entry;
      this.#ready.shift();
    }
  }

  #fail(entry: Entry, now: number): void {
    const { counters, deadLetter, settings } = this.#context;
    const { deadLetterPolicy, retryPolicy } = settings();
    entry.failures += 1;
    if (deadLetterPolicy !== undefined && entry.failures >= deadLetterPolicy.maxDeliveryAttempts) {
      if (deadLetter(entry.message, entry.failures)) {
        counters.deadLettered += 1;
        this.#settle(entry);
        return;
      }
    }
    this.#await(entry, backoffMs(retryPolicy, entry.failures), now);
  }

  /** Makes the message deliverable after so long. */
  #await(entry: Entry, delayMs: number, now: number): void {
    this.#release(entry);
    if (delayMs > 0) {
      this.#move(entry, State.resting);
      this.#due.set(entry, now + delayMs);
      return;
    }
    this.#due.delete(entry);
    this.#move(entry, State.ready);
    this.#ready.push(entry);
  }

  #settle(entry: Entry): void {
    this.#release(entry);
    this.#due.delete(entry);
    this.#move(entry, State.acked);
    if (!this.#context.settings().retainAckedMessages) this.#forget(entry);
  }

  #dropOld(now: number): void {
    const { messageRetentionMs } = this.#context.settings();
    this.#oldestExpiresAt = Number.POSITIVE_INFINITY;
    for (const entry of this.#entries.values()) {
      const expiresAt = entry.message.publishedAtMs + messageRetentionMs;
      if (expiresAt > now) {
        this.#oldestExpiresAt = expiresAt;
        return;
      }
      this.#release(entry);
      this.#due.delete(entry);
      this.#move(entry, State.acked);
      this.#forget(entry);
    }
  }

  #forget(entry: Entry): void {
    this.#counts.acked -= 1;
    this.#entries.delete(entry.serial);
  }

  #release(entry: Entry): void {
    entry.holder?.remove(entry.message.bytes);
    entry.holder = undefined;
  }

  #move(entry: Entry, state: State): void {
    this.#counts[entry.state] -= 1;
    entry.state = state;
    this.#counts[state] += 1;
  }
}
