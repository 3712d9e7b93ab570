import { expect, it } from 'vitest';
import { AckIds } from './ack-id.ts';
import { startCounting, type DeliveryCounters } from './delivery-counters.ts';
import { MessageBacklog } from './message-backlog.ts';
import { OutstandingLimit } from './outstanding-limit.ts';
import { PubsubFaults } from './pubsub-faults.ts';
import { storeMessage } from './stored-message.ts';
import type { SubscriptionSettings } from './subscription-settings.ts';

const SETTINGS: SubscriptionSettings = {
  ackDeadlineSeconds: 10,
  retainAckedMessages: false,
  messageRetentionMs: 600_000,
  labels: {},
  expirationTtl: null,
  filter: '',
  deadLetterPolicy: undefined,
  retryPolicy: undefined,
};

class Rig {
  now = 1_000_000;
  readonly faults = new PubsubFaults(1);
  readonly counters: DeliveryCounters = startCounting();
  readonly deadLettered: { readonly text: string; readonly deliveryAttempts: number }[] = [];
  deadLetterTopicExists = true;
  readonly backlog: MessageBacklog;
  readonly #ackIds = new AckIds(7);

  constructor(settings: Partial<SubscriptionSettings> = {}) {
    this.backlog = new MessageBacklog({
      now: () => this.now,
      settings: () => ({ ...SETTINGS, ...settings }),
      faults: this.faults,
      counters: this.counters,
      toAckId: (reference) => this.#ackIds.format(reference),
      deadLetter: (message, deliveryAttempts) => {
        if (this.deadLetterTopicExists)
          this.deadLettered.push({ text: message.wire.data.toString(), deliveryAttempts });
        return this.deadLetterTopicExists;
      },
    });
  }

  add(...texts: string[]): void {
    for (const text of texts) {
      const message = { data: Buffer.from(text), attributes: {}, orderingKey: '' };
      this.backlog.add(storeMessage(message, text, this.now));
    }
  }

  /** Leases all that can be leased, for 10 seconds each. */
  lease(holder = new OutstandingLimit(0, 0)): { text: string; ackId: string; attempt: number }[] {
    this.backlog.expire();
    const leased = [];
    for (;;) {
      const next = this.backlog.lease(10_000, holder);
      if (next === undefined) return leased;
      leased.push({ text: next.message.data.toString(), ackId: next.ackId, attempt: next.deliveryAttempt });
    }
  }

  texts(): string[] {
    return this.lease().map(({ text }) => text);
  }

  ack(ackId: string | undefined): void {
    for (const reference of this.#ackIds.parse([ackId ?? ''])) this.backlog.ack(reference);
  }

  modify(ackId: string | undefined, leaseMs: number): void {
    for (const reference of this.#ackIds.parse([ackId ?? ''])) this.backlog.modifyLease(reference, leaseMs);
  }

  pass(ms: number): void {
    this.now += ms;
    this.backlog.expire();
  }
}

it('delivers in the order of publishing, each message to one holder', () => {
  const rig = new Rig();
  rig.add('a', 'b', 'c');
  expect(rig.texts()).toEqual(['a', 'b', 'c']);
  expect(rig.texts()).toEqual([]);
  expect(rig.backlog).toMatchObject({ waiting: 0, outstanding: 3 });
});

it('delivers an acked message never again, and the others when their leases end', () => {
  const rig = new Rig();
  rig.add('a', 'b');
  rig.ack(rig.lease()[0]?.ackId);
  rig.pass(9999);
  expect(rig.texts()).toEqual([]);
  rig.pass(1);
  expect(rig.texts()).toEqual(['b']);
  expect(rig.counters).toMatchObject({ delivered: 3, acked: 1, expired: 1, nacked: 0 });
});

it('counts a lease from the last time that it was modified', () => {
  const rig = new Rig();
  rig.add('a', 'b');
  const [a, b] = rig.lease();
  rig.pass(5000);
  rig.modify(a?.ackId, 60_000);
  rig.modify(b?.ackId, 1000);
  rig.pass(1000);
  expect(rig.texts()).toEqual(['b']);
  rig.pass(58_999);
  expect(rig.texts()).toEqual(['b']);
  rig.pass(1);
  expect(rig.texts()).toEqual(['a']);
});

it('settles by an ack id whose lease has ended, until the next delivery makes it stale', () => {
  const rig = new Rig();
  rig.add('a', 'b');
  const [a, b] = rig.lease();
  rig.pass(10_000);
  rig.ack(a?.ackId);
  const again = rig.lease();
  expect(again.map(({ text }) => text)).toEqual(['b']);
  rig.ack(b?.ackId);
  rig.modify(b?.ackId, 0);
  expect(rig.backlog.outstanding).toBe(1);
  rig.ack(again[0]?.ackId);
  expect(rig.backlog).toMatchObject({ waiting: 0, outstanding: 0 });
});

it('takes ack ids of another subscription for malformed', () => {
  const rig = new Rig();
  expect(() => rig.ack(new AckIds(8).format({ serial: 1, delivery: 1 }))).toThrow('Some acknowledgement ids');
  expect(() => rig.ack('nonsense')).toThrow('Some acknowledgement ids');
});

it('redelivers a nacked message at once without a retry policy', () => {
  const rig = new Rig();
  rig.add('a');
  rig.modify(rig.lease()[0]?.ackId, 0);
  expect(rig.texts()).toEqual(['a']);
  expect(rig.counters).toMatchObject({ delivered: 2, nacked: 1, expired: 0 });
});

it('lets a failed message rest longer each time under a retry policy', () => {
  const rig = new Rig({ retryPolicy: { minimumBackoffMs: 1000, maximumBackoffMs: 3000 } });
  rig.add('a');
  for (const restMs of [1000, 2000, 3000, 3000]) {
    rig.modify(rig.lease()[0]?.ackId, 0);
    expect(rig.backlog).toMatchObject({ waiting: 1, ready: 0, outstanding: 0 });
    rig.pass(restMs - 1);
    expect(rig.backlog.ready).toBe(0);
    rig.pass(1);
    expect(rig.backlog.ready).toBe(1);
  }
});

it('dead-letters after the last attempt, nacks and expired leases alike', () => {
  const rig = new Rig({ deadLetterPolicy: { topic: 'projects/p/topics/dead', maxDeliveryAttempts: 5 } });
  rig.add('a');
  const attempts: number[] = [];
  for (let n = 0; n < 5; n++) {
    const [delivery] = rig.lease();
    attempts.push(delivery?.attempt ?? 0);
    if (n % 2 === 0) rig.modify(delivery?.ackId, 0);
    else rig.pass(10_000);
  }
  expect(attempts).toEqual([1, 2, 3, 4, 5]);
  expect(rig.deadLettered).toEqual([{ text: 'a', deliveryAttempts: 5 }]);
  expect(rig.texts()).toEqual([]);
  expect(rig.counters).toMatchObject({ nacked: 3, expired: 2, deadLettered: 1 });
});

it('keeps delivering where the dead-letter topic is gone', () => {
  const rig = new Rig({ deadLetterPolicy: { topic: 'projects/p/topics/dead', maxDeliveryAttempts: 5 } });
  rig.deadLetterTopicExists = false;
  rig.add('a');
  for (let n = 0; n < 7; n++) rig.modify(rig.lease()[0]?.ackId, 0);
  expect(rig.lease()[0]?.attempt).toBe(8);
});

it('tells no delivery attempt without a dead-letter policy', () => {
  const rig = new Rig();
  rig.add('a');
  rig.modify(rig.lease()[0]?.ackId, 0);
  expect(rig.lease()[0]?.attempt).toBe(0);
});

it('gives a holder no more than it admits, and more when something is settled or its lease ends', () => {
  const rig = new Rig();
  rig.add('a', 'b', 'c', 'd');
  const holder = new OutstandingLimit(2, 0);
  const [a] = rig.lease(holder);
  expect(rig.backlog.outstanding).toBe(2);
  rig.ack(a?.ackId);
  expect(rig.lease(holder).map(({ text }) => text)).toEqual(['c']);
  rig.pass(10_000);
  expect(holder).toMatchObject({ messages: 0, bytes: 0 });
});

it('drops what is older than the retention, waiting or leased', () => {
  const rig = new Rig();
  rig.add('a', 'b');
  rig.backlog.lease(3_600_000, new OutstandingLimit(0, 0));
  rig.pass(1000);
  rig.add('c');
  rig.pass(599_000);
  expect(rig.backlog).toMatchObject({ waiting: 1, outstanding: 0 });
  expect(rig.texts()).toEqual(['c']);
});

it('purges by a seek to the future, and brings nothing back that was not kept', () => {
  const rig = new Rig();
  rig.add('a', 'b', 'c');
  rig.ack(rig.lease(new OutstandingLimit(2, 0))[0]?.ackId);
  rig.backlog.seek(rig.now + 1);
  expect(rig.backlog).toMatchObject({ waiting: 0, outstanding: 0 });
  rig.backlog.seek(0);
  expect(rig.texts()).toEqual([]);
});

it('brings acked messages back by a seek to the past where they are retained', () => {
  const rig = new Rig({ retainAckedMessages: true });
  rig.add('a');
  rig.pass(1000);
  const between = rig.now;
  rig.add('b', 'c');
  for (const { ackId } of rig.lease()) rig.ack(ackId);
  expect(rig.backlog).toMatchObject({ waiting: 0, outstanding: 0 });
  rig.backlog.seek(between);
  expect(rig.texts()).toEqual(['b', 'c']);
});

it('delivers every message twice on request, and an ack of the second delivery settles it', () => {
  const rig = new Rig();
  rig.faults.duplicateEvery = 1;
  rig.add('a', 'b');
  const deliveries = rig.lease();
  expect(deliveries.map(({ text }) => text)).toEqual(['a', 'b', 'a', 'b']);
  rig.ack(deliveries[0]?.ackId);
  expect(rig.counters.acked).toBe(0);
  for (const { ackId } of deliveries.slice(2)) rig.ack(ackId);
  expect(rig.backlog).toMatchObject({ waiting: 0, outstanding: 0 });
});

it('forgets acks on request, and redelivers', () => {
  const rig = new Rig();
  rig.faults.acksToLose = 1;
  rig.add('a', 'b');
  for (const { ackId } of rig.lease()) rig.ack(ackId);
  rig.pass(10_000);
  expect(rig.texts()).toEqual(['a']);
});

it('holds messages back on request', () => {
  const rig = new Rig();
  rig.faults.deliveryDelayMs = 500;
  rig.add('a');
  expect(rig.texts()).toEqual([]);
  rig.pass(500);
  expect(rig.texts()).toEqual(['a']);
});

function deliverOutOfOrder(texts: readonly string[]): readonly string[] {
  const rig = new Rig();
  rig.faults.outOfOrder = true;
  rig.add(...texts);
  return rig.texts();
}

it('delivers out of order on request, all of it and the same for the same seed', () => {
  const texts = Array.from({ length: 10 }, (_, n) => String(n));
  const order = deliverOutOfOrder(texts);
  expect(order).not.toEqual(texts);
  expect(order.toSorted()).toEqual(texts);
  expect(deliverOutOfOrder(texts)).toEqual(order);
});

// A scan per pull would take hours, and end at the time limit of a test.
it('takes hundreds of thousands of messages in its stride', () => {
  const rig = new Rig();
  const count = 300_000;
  for (let n = 0; n < count; n++) rig.add(String(n));
  const holder = new OutstandingLimit(1000, 0);
  let settled = 0;
  while (settled < count) {
    const leased = rig.lease(holder);
    for (const { ackId } of leased) rig.ack(ackId);
    settled += leased.length;
  }
  expect(rig.backlog).toMatchObject({ waiting: 0, outstanding: 0 });
});
