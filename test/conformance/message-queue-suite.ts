import type {
  EmbeddedQueueControl,
  MessageQueue,
  MessageSubscription,
  ReceivedMessage,
} from '@object-transfer/core/ports/message-queue';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** Where a managed queue differs from the embedded one. */
interface MessageQueueCapabilities {
  /** Messages come in the order of publishing. Pub/Sub: only with ordering keys. */
  readonly ordered: boolean;
  /** A nacked message stays away for exactly the delay. Pub/Sub: a retry policy of the subscription decides. */
  readonly exactDelay: boolean;
  /** A settling call after the end of the lease resolves to false. Pub/Sub: only with exactly-once delivery. */
  readonly fenced: boolean;
  /** How long the tests lease messages. Where time really passes, as short as the queue allows. Pub/Sub: 10 s. */
  readonly leaseMs: number;
  /** Deliveries after which the queue dead-letters a message itself; `undefined` where it cannot be asked about it. */
  readonly maxDeliveryAttempts: number | undefined;
}

/** An empty queue with the subscriptions `objects` and `checks`, for one test. */
export interface MessageQueueHarness {
  readonly capabilities: MessageQueueCapabilities;
  /** Opens the queue once more, as another process would. `control` where the queue has one. */
  open(): Promise<{ readonly queue: MessageQueue; readonly control: EmbeddedQueueControl | undefined }>;
  now(): Date;
  /** Lets this much time pass, by moving the clock of the leases or by waiting. */
  elapse(ms: number): Promise<void>;
  /** Closes every queue that was opened. */
  dispose(): Promise<void>;
}

const NEVER = new AbortController().signal;

function published(count: number): { readonly data: string }[] {
  return Array.from({ length: count }, (_, i) => ({ data: `message ${String(i).padStart(4, '0')}` }));
}

/** What every message queue must do. */
export function describeMessageQueue(name: string, createHarness: () => Promise<MessageQueueHarness>): void {
  describe(`${name} as a message queue`, () => {
    let harness: MessageQueueHarness;
    let queue: MessageQueue;
    let control: EmbeddedQueueControl | undefined;
    let subscription: MessageSubscription;
    let leaseMs: number;

    beforeEach(async () => {
      harness = await createHarness();
      ({ queue, control } = await harness.open());
      subscription = queue.subscribe('objects');
      ({ leaseMs } = harness.capabilities);
    });

    afterEach(async () => {
      await harness.dispose();
    });

    function pullFrom(source: MessageSubscription, maxMessages: number, waitMs = 5000) {
      return source.pull({ maxMessages, leaseMs, waitMs, signal: NEVER });
    }

    async function pullOne(source = subscription): Promise<ReceivedMessage> {
      const [message] = await pullFrom(source, 1);
      if (message === undefined) throw new Error('no message came');
      return message;
    }

    /** Until the queue stays silent: a managed one hands out what it has in several answers. */
    async function pullAll(source: MessageSubscription, count: number): Promise<readonly ReceivedMessage[]> {
      const messages: ReceivedMessage[] = [];
      while (messages.length < count) {
        const pulled = await pullFrom(source, count - messages.length);
        if (pulled.length === 0) break;
        messages.push(...pulled);
      }
      return messages;
    }

    it('delivers data and attributes as they were published', async () => {
      const data = JSON.stringify({ v: 2, dir: "caf\u00e9/\u{1f600} '\\/", objects: [] });
      const attributes = { code: 'SOURCE_NOT_FOUND', lease_owner: 'snake', camelCase: 'x', message: 'a "b" \u00e9' };
      await queue.publish('objects', [{ data, attributes }]);
      const message = await pullOne();
      expect(message.data).toBe(data);
      expect(message.attributes).toEqual(attributes);
      expect(message.deliveryAttempt).toBe(1);
      expect(Math.abs(message.publishedAt.getTime() - harness.now().getTime())).toBeLessThan(60_000);
      expect(await message.ack()).toBe(true);
    });

    it('delivers to the subscription of the topic only', async () => {
      const checks = queue.subscribe('checks');
      await queue.publish('checks', [{ data: 'check' }]);
      await queue.publish('objects', [{ data: 'object' }]);
      expect((await pullOne()).data).toBe('object');
      expect((await pullOne(checks)).data).toBe('check');
    });

    it('publishes nothing where there is nothing to publish', async () => {
      await queue.publish('objects', []);
      expect(await pullFrom(subscription, 1, 0)).toEqual([]);
    });

    it('delivers every message of many, each once while its lease holds', async () => {
      const messages = published(500);
      await queue.publish('objects', messages);
      const received = await pullAll(subscription, messages.length);
      expect(received.map((m) => m.data).toSorted()).toEqual(messages.map((m) => m.data));
      expect(await pullFrom(subscription, 1, 0)).toEqual([]);
      expect(await Promise.all(received.map((m) => m.ack()))).toEqual(messages.map(() => true));
    });

    it('shares the messages between several processes', async () => {
      const messages = published(120);
      await queue.publish('objects', messages);
      const others = await Promise.all([harness.open(), harness.open(), harness.open()]);
      const received = await Promise.all(
        others.map(async ({ queue: other }) => {
          const source = other.subscribe('objects');
          const mine: string[] = [];
          for (;;) {
            const pulled = await pullFrom(source, 7, 300);
            if (pulled.length === 0) return mine;
            for (const message of pulled) {
              mine.push(message.data);
              expect(await message.ack()).toBe(true);
            }
          }
        }),
      );
      expect(received.flat().toSorted()).toEqual(messages.map((m) => m.data));
    });

    it('delivers no message again that was acked', async () => {
      await queue.publish('objects', [{ data: 'x' }]);
      expect(await (await pullOne()).ack()).toBe(true);
      await harness.elapse(leaseMs * 2);
      expect(await pullFrom(subscription, 1, 0)).toEqual([]);
    });

    it('delivers a nacked message again and counts the delivery', async () => {
      await queue.publish('objects', [{ data: 'x' }]);
      expect(await (await pullOne()).nack()).toBe(true);
      const again = await pullOne();
      expect(again).toMatchObject({ data: 'x', deliveryAttempt: 2 });
    });

    it('delivers a message again when its lease has run out', async () => {
      await queue.publish('objects', [{ data: 'x' }]);
      await pullOne();
      expect(await pullFrom(subscription, 1, 0)).toEqual([]);
      await harness.elapse(leaseMs);
      expect(await pullOne()).toMatchObject({ data: 'x', deliveryAttempt: 2 });
    });

    it('keeps a message whose lease is extended', async () => {
      await queue.publish('objects', [{ data: 'x' }]);
      const message = await pullOne();
      await harness.elapse(leaseMs / 2);
      expect(await message.extendLease(leaseMs)).toBe(true);
      await harness.elapse(leaseMs / 2);
      expect(await pullFrom(subscription, 1, 0)).toEqual([]);
      expect(await message.ack()).toBe(true);
    });

    it('takes a dead-lettered message out of circulation', async () => {
      await queue.publish('objects', [{ data: 'poison' }]);
      expect(await (await pullOne()).deadLetter('malformed message')).toBe(true);
      await harness.elapse(leaseMs * 2);
      expect(await pullFrom(subscription, 1, 0)).toEqual([]);
    });

    it('waits for a message that is published later, by this process or another', async () => {
      const { queue: other } = await harness.open();
      for (const publisher of [queue, other]) {
        const waiting = pullOne();
        await publisher.publish('objects', [{ data: 'late' }]);
        const message = await waiting;
        expect(message.data).toBe('late');
        await message.ack();
      }
    });

    it('waits no longer than asked', async () => {
      const start = performance.now();
      expect(await pullFrom(subscription, 1, 50)).toEqual([]);
      expect(performance.now() - start).toBeGreaterThanOrEqual(49);
    });

    it('ends the waiting when the signal fires or the subscription is closed', async () => {
      const stop = new AbortController();
      const waiting = subscription.pull({ maxMessages: 1, leaseMs, waitMs: 600_000, signal: stop.signal });
      setImmediate(() => stop.abort());
      expect(await waiting).toEqual([]);

      const closing = pullFrom(subscription, 1, 600_000);
      setImmediate(() => void subscription.close());
      expect(await closing).toEqual([]);
    });

    it('leases nothing for a pull whose signal has fired', async () => {
      await queue.publish('objects', [{ data: 'x' }]);
      expect(await subscription.pull({ maxMessages: 1, leaseMs, waitMs: 0, signal: AbortSignal.abort() })).toEqual([]);
      expect((await pullOne()).deliveryAttempt).toBe(1);
    });

    it('delivers in the order of publishing', async (test) => {
      if (!harness.capabilities.ordered) test.skip();
      const messages = published(50);
      await queue.publish('objects', messages.slice(0, 20));
      await queue.publish('objects', messages.slice(20));
      const received = [...(await pullFrom(subscription, 15)), ...(await pullFrom(subscription, 50))];
      expect(received.map((m) => m.data)).toEqual(messages.map((m) => m.data));
    });

    it('delivers what came back before what was never delivered', async (test) => {
      if (!harness.capabilities.ordered) test.skip();
      await queue.publish('objects', published(3));
      await (await pullOne()).nack();
      expect((await pullFrom(subscription, 2)).map((m) => m.data)).toEqual(['message 0000', 'message 0001']);
    });

    it('holds a nacked message back for the delay', async (test) => {
      if (!harness.capabilities.exactDelay) test.skip();
      await queue.publish('objects', [{ data: 'x' }]);
      await (await pullOne()).nack(5000);
      await harness.elapse(4000);
      expect(await pullFrom(subscription, 1, 0)).toEqual([]);
      await harness.elapse(1000);
      expect(await pullOne()).toMatchObject({ data: 'x', deliveryAttempt: 2 });
    });

    it('lets a holder whose lease ran out settle nothing', async (test) => {
      if (!harness.capabilities.fenced) test.skip();
      await queue.publish('objects', [{ data: 'x' }]);
      const lost = await pullOne();
      await harness.elapse(leaseMs);
      const settle = async (): Promise<boolean[]> => [
        await lost.extendLease(leaseMs),
        await lost.nack(),
        await lost.deadLetter('late'),
        await lost.ack(),
      ];
      expect(await settle()).toEqual([false, false, false, false]);
      const held = await pullOne();
      expect(await settle()).toEqual([false, false, false, false]);
      expect(await held.ack()).toBe(true);
    });

    it('settles a message once', async () => {
      await queue.publish('objects', published(2));
      const [acked, nacked] = await pullAll(subscription, 2);
      expect([await acked?.ack(), await acked?.ack(), await acked?.nack()]).toEqual([true, false, false]);
      expect([await nacked?.nack(), await nacked?.ack(), await nacked?.deadLetter('x')]).toEqual([true, false, false]);
    });

    it('dead-letters a message that was delivered too often', async (test) => {
      const { maxDeliveryAttempts } = harness.capabilities;
      if (maxDeliveryAttempts === undefined) return test.skip();
      await queue.publish('objects', published(2));
      for (let attempt = 1; attempt <= maxDeliveryAttempts; attempt++) {
        const message = await pullOne();
        expect(message).toMatchObject({ data: 'message 0000', deliveryAttempt: attempt });
        await message.nack();
      }
      expect((await pullFrom(subscription, 2)).map((m) => m.data)).toEqual(['message 0001']);
      expect((await control?.backlog('objects'))?.deadLettered).toBe(1);
    });

    it('tells what waits, what is leased and what is dead', async (test) => {
      if (control === undefined) return test.skip();
      expect(await control.backlog('objects')).toEqual({ waiting: 0, leased: 0, deadLettered: 0 });
      await queue.publish('objects', published(6));
      await queue.publish('checks', published(1));
      const [acked, nacked, dead] = await pullFrom(subscription, 4);
      expect(await control.backlog('objects')).toEqual({ waiting: 2, leased: 4, deadLettered: 0 });
      await acked?.ack();
      await nacked?.nack(1000);
      await dead?.deadLetter('malformed');
      expect(await control.backlog('objects')).toEqual({ waiting: 3, leased: 1, deadLettered: 1 });
      await harness.elapse(leaseMs);
      expect(await control.backlog('objects')).toEqual({ waiting: 4, leased: 0, deadLettered: 1 });
    });

    it('reclaims the leases of dead owners at once', async (test) => {
      if (control === undefined) return test.skip();
      await queue.publish('objects', [{ data: 'x' }]);
      const lost = await pullOne();
      expect(await control.reclaimLeases(() => false)).toBe(0);
      const owners: string[] = [];
      const isDead = (owner: string): boolean => owners.push(owner) > 0;
      expect(await control.reclaimLeases(isDead)).toBe(1);
      expect(owners).toHaveLength(1);
      expect(await lost.ack()).toBe(false);
      expect((await pullOne()).data).toBe('x');
    });
  });
}
