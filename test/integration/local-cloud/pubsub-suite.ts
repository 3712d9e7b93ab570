import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consume, PROJECT, PubsubClients, RawStream } from './pubsub-clients.ts';

export interface PubsubUnderTest {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  close(): Promise<void>;
}

/**
 * What holds for Pub/Sub as Google's clients see it: for the server of local-cloud and for Google's emulator alike.
 * @param whyNot why it cannot be tried here, if it cannot
 */
export function describePubsub(server: string, start: () => Promise<PubsubUnderTest>, whyNot?: string): void {
  describe.skipIf(whyNot !== undefined)(`${server} as Pub/Sub${whyNot === undefined ? '' : `: ${whyNot}`}`, () => {
    let running: PubsubUnderTest;
    let clients: PubsubClients;
    beforeAll(async () => {
      running = await start();
      clients = new PubsubClients(running.host);
    });
    afterAll(async () => {
      await clients[Symbol.asyncDispose]();
      await running.close();
    });

    it('delivers what is published with its attributes, id and time', async () => {
      const { topic, subscription } = await clients.createPair();
      const before = Date.now();
      const messageId = await clients.pubsub
        .topic(topic)
        .publishMessage({ data: Buffer.from([0, 255, 1]), attributes: { kind: 'täst' } });
      await consume(clients.pubsub.subscription(subscription), (message) => {
        expect(message.id).toBe(messageId);
        expect([...message.data]).toEqual([0, 255, 1]);
        expect(message.attributes).toEqual({ kind: 'täst' });
        expect(Math.abs(message.publishTime.getTime() - before)).toBeLessThan(60_000);
        message.ack();
        return true;
      });
      expect(await clients.pull(subscription, 1, true)).toEqual([]);
    });

    it('delivers 2,000 messages to two subscribers of one subscription, each to one of them', async () => {
      const { topic, subscription } = await clients.createPair({ ackDeadlineSeconds: 600 });
      const sender = clients.pubsub.topic(topic, { batching: { maxMessages: 300 } });
      const published = await Promise.all(
        Array.from({ length: 2000 }, (_, n) => sender.publishMessage({ data: Buffer.from(String(n)) })),
      );
      const received: string[] = [];
      const take = (): Promise<void> =>
        consume(clients.pubsub.subscription(subscription), (message) => {
          received.push(message.id);
          message.ack();
          return received.length === published.length;
        });
      await Promise.race([take(), take()]);
      expect(received.toSorted()).toEqual(published.toSorted());
    });

    it('gives every subscription of a topic every message, from when it was made', async () => {
      const { topic, subscription } = await clients.createPair();
      await clients.publish(topic, 'a');
      const second = clients.newSubscriptionName();
      await clients.subscriber.createSubscription({ name: second, topic });
      await clients.publish(topic, 'b');
      expect((await clients.pull(subscription)).map(({ text }) => text)).toEqual(['a', 'b']);
      expect((await clients.pull(second)).map(({ text }) => text)).toEqual(['b']);
    });

    it('gives a pull what is there, up to its limit, and never an acked message again', async () => {
      const { topic, subscription } = await clients.createPair();
      const ids = await clients.publish(topic, 'a', 'b', 'c');
      const first = await clients.pull(subscription, 2);
      expect(first.map(({ id }) => id)).toEqual(ids.slice(0, 2));
      expect(first.map(({ deliveryAttempt }) => deliveryAttempt)).toEqual([0, 0]);
      await clients.ack(subscription, ...first);
      expect((await clients.pull(subscription)).map(({ text }) => text)).toEqual(['c']);
      expect(await clients.pull(subscription, 100, true)).toEqual([]);
    });

    it('wakes a waiting pull when something is published', async () => {
      const { topic, subscription } = await clients.createPair();
      const waiting = clients.pull(subscription);
      await clients.subscriber.getSubscription({ subscription });
      await clients.publish(topic, 'a');
      expect((await waiting).map(({ text }) => text)).toEqual(['a']);
      await clients.publish(topic, 'b');
      expect((await clients.pull(subscription)).map(({ text }) => text)).toEqual(['b']);
    });

    it('answers a pull without messages before its deadline', async () => {
      const { subscription } = await clients.createPair();
      const [answer] = await clients.subscriber.pull({ subscription, maxMessages: 1 }, { timeout: 2500, retry: null });
      expect(answer.receivedMessages).toEqual([]);
    });

    it('redelivers a nacked message at once', async () => {
      const { topic, subscription } = await clients.createPair();
      await clients.publish(topic, 'a');
      const [first] = await clients.pull(subscription);
      await clients.nack(subscription, first ?? { ackId: '' });
      const [second] = await clients.pull(subscription);
      expect(second).toMatchObject({ text: 'a', id: first?.id });
      expect(second?.ackId).not.toBe(first?.ackId);
    });

    it('redelivers to a stream what its subscriber nacks', async () => {
      const { topic, subscription } = await clients.createPair();
      await clients.publish(topic, 'a');
      let deliveries = 0;
      await consume(clients.pubsub.subscription(subscription), (message) => {
        deliveries += 1;
        if (deliveries < 3) message.nack();
        else message.ack();
        return deliveries === 3;
      });
      expect(await clients.pull(subscription, 1, true)).toEqual([]);
    });

    it('redelivers when the lease ends, not when it is extended', async () => {
      const { topic, subscription } = await clients.createPair({ ackDeadlineSeconds: 10 });
      await clients.publish(topic, 'extended', 'left');
      const [extended] = await clients.pull(subscription);
      const ackIds = [extended?.ackId ?? ''];
      await clients.subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 60 });
      const leasedAt = Date.now();
      expect((await clients.pull(subscription)).map(({ text }) => text)).toEqual(['left']);
      expect(Date.now() - leasedAt).toBeGreaterThan(8000);
    });

    it('takes nacks over the stream', async () => {
      const { topic, subscription } = await clients.createPair();
      await clients.publish(topic, 'a');
      using stream = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60 });
      await stream.messages(1);
      stream.write({ modifyDeadlineAckIds: [stream.received[0]?.ackId], modifyDeadlineSeconds: [0] });
      await stream.messages(2);
      expect(stream.received.map(({ text }) => text)).toEqual(['a', 'a']);
    });

    it('dead-letters a message after its last attempt, saying where it came from', async () => {
      const dead = await clients.createPair();
      const deadLetterPolicy = { deadLetterTopic: dead.topic, maxDeliveryAttempts: 5 };
      const { topic, subscription } = await clients.createPair({ deadLetterPolicy });
      await clients.publish(topic, 'poison');
      for (let attempt = 1; attempt <= 5; attempt++) {
        const [delivery] = await clients.pull(subscription);
        expect(delivery).toMatchObject({ text: 'poison', deliveryAttempt: attempt });
        await clients.nack(subscription, delivery ?? { ackId: '' });
      }
      // The emulator moves it on when it is asked for the next time.
      expect(await clients.pull(subscription, 1, true)).toEqual([]);
      const [letter] = await clients.pull(dead.subscription);
      expect(letter).toMatchObject({
        text: 'poison',
        attributes: {
          CloudPubSubDeadLetterSourceDeliveryCount: '5',
          CloudPubSubDeadLetterSourceSubscription: subscription.split('/').at(-1),
          CloudPubSubDeadLetterSourceSubscriptionProject: PROJECT,
          CloudPubSubDeadLetterSourceTopicPublishTime: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        },
      });
    });

    it('purges a subscription by a seek to the future', async () => {
      const { topic, subscription } = await clients.createPair();
      await clients.publish(topic, 'a', 'b');
      await clients.pull(subscription, 1);
      await clients.pubsub.subscription(subscription).seek(new Date(Date.now() + 3_600_000));
      expect(await clients.pull(subscription, 100, true)).toEqual([]);
      await clients.publish(topic, 'c');
      expect((await clients.pull(subscription)).map(({ text }) => text)).toContain('c');
    });

    it('brings acked messages back by a seek to the past where they are retained', async () => {
      const { topic, subscription } = await clients.createPair({ retainAckedMessages: true });
      await clients.publish(topic, 'a', 'b');
      await clients.ack(subscription, ...(await clients.pull(subscription)));
      await clients.pubsub.subscription(subscription).seek(new Date(Date.now() - 3_600_000));
      expect((await clients.pull(subscription)).map(({ text }) => text).toSorted()).toEqual(['a', 'b']);
    });

    it('makes, describes, changes, lists and deletes topics and subscriptions', async () => {
      const [topic] = await clients.pubsub.createTopic(clients.newTopicName());
      const name = clients.newSubscriptionName();
      const [subscription] = await topic.createSubscription(name, {
        ackDeadlineSeconds: 30,
        retryPolicy: { minimumBackoff: { seconds: 5 } },
        expirationPolicy: { ttl: null },
        labels: { owner: 'test' },
      });
      await subscription.setMetadata({ ackDeadlineSeconds: 60 });
      const [metadata] = await subscription.getMetadata();
      expect(metadata).toMatchObject({
        name,
        topic: topic.name,
        ackDeadlineSeconds: 60,
        retryPolicy: { minimumBackoff: { seconds: '5' }, maximumBackoff: { seconds: '600' } },
        expirationPolicy: { ttl: null },
        labels: { owner: 'test' },
        messageRetentionDuration: { seconds: '604800' },
      });
      const [topics] = await clients.pubsub.getTopics();
      expect(topics.map((one) => one.name)).toContain(topic.name);
      const [subscriptions] = await topic.getSubscriptions();
      expect(subscriptions.map((one) => one.name)).toEqual([name]);
      const [second] = await topic.createSubscription(clients.newSubscriptionName());
      await second.delete();
      expect((await topic.getSubscriptions())[0].map((one) => one.name)).toEqual([name]);

      await topic.delete();
      expect(await topic.exists()).toEqual([false]);
      const [orphan] = await subscription.getMetadata();
      expect(orphan.topic).toBe('_deleted-topic_');
      await subscription.delete();
      expect(await subscription.exists()).toEqual([false]);
    });

    it('lists page by page', async () => {
      const { topic } = await clients.createPair();
      const name = clients.newSubscriptionName();
      await clients.subscriber.createSubscription({ name, topic });
      const listed: string[] = [];
      let pageToken = '';
      for (let page = 0; page < 2; page++) {
        const [items, , answer] = await clients.publisher.listTopicSubscriptions(
          { topic, pageSize: 1, pageToken },
          { autoPaginate: false },
        );
        listed.push(...items);
        pageToken = answer?.nextPageToken ?? '';
      }
      expect(listed).toHaveLength(2);
      expect(listed).toContain(name);
    });

    it('refuses what is not there, what is there already and what is not allowed', async () => {
      const { topic, subscription } = await clients.createPair();
      const missing = { topic: clients.newTopicName(), subscription: clients.newSubscriptionName() };
      const [ackIds, { publisher, subscriber }] = [['nonsense'], clients];
      const calls: readonly (readonly [status, () => Promise<unknown>])[] = [
        [status.ALREADY_EXISTS, () => publisher.createTopic({ name: topic })],
        [status.ALREADY_EXISTS, () => subscriber.createSubscription({ name: subscription, topic })],
        [status.NOT_FOUND, () => clients.publish(missing.topic, 'a')],
        [status.NOT_FOUND, () => publisher.deleteTopic(missing)],
        [status.NOT_FOUND, () => subscriber.createSubscription({ name: missing.subscription, topic: missing.topic })],
        [status.NOT_FOUND, () => clients.pull(missing.subscription)],
        [status.NOT_FOUND, () => subscriber.acknowledge({ subscription: missing.subscription, ackIds })],
        [status.NOT_FOUND, () => subscriber.deleteSubscription(missing)],
        [status.INVALID_ARGUMENT, () => publisher.createTopic({ name: `projects/${PROJECT}/topics/1x` })],
        [status.INVALID_ARGUMENT, () => publisher.publish({ topic, messages: [] })],
        [status.INVALID_ARGUMENT, () => publisher.publish({ topic, messages: [{}] })],
        [status.INVALID_ARGUMENT, () => clients.pull(subscription, 0)],
        [status.INVALID_ARGUMENT, () => subscriber.acknowledge({ subscription, ackIds })],
        [status.INVALID_ARGUMENT, () => subscriber.acknowledge({ subscription, ackIds: [] })],
        [status.INVALID_ARGUMENT, () => subscriber.seek({ subscription })],
        [
          status.INVALID_ARGUMENT,
          () => subscriber.createSubscription({ name: missing.subscription, topic, ackDeadlineSeconds: 601 }),
        ],
        [
          status.NOT_FOUND,
          () =>
            subscriber.createSubscription({
              name: missing.subscription,
              topic,
              deadLetterPolicy: { deadLetterTopic: missing.topic, maxDeliveryAttempts: 5 },
            }),
        ],
      ];
      for (const [code, call] of calls) {
        const outcome = await call().catch((error: unknown) => error);
        expect({ call: call.toString(), outcome }).toMatchObject({ call: call.toString(), outcome: { code } });
      }
    });

    it('ends a stream that cannot be, with the reason', async () => {
      const { subscription } = await clients.createPair();
      using missing = new RawStream(clients, {
        subscription: clients.newSubscriptionName(),
        streamAckDeadlineSeconds: 10,
      });
      using short = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 9 });
      expect((await missing.ended).code).toBe(status.NOT_FOUND);
      expect((await short.ended).code).toBe(status.INVALID_ARGUMENT);
    });
  });
}
