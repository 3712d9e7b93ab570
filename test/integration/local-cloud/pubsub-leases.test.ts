import { status } from '@grpc/grpc-js';
import { startPubsubServer, type PubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PubsubClients, RawStream } from './pubsub-clients.ts';

type CancellablePull = Promise<unknown> & { cancel(): void };

/** What Google's emulator leaves out, or what takes too long without a clock that is moved by hand. */
describe('the leases of the local Pub/Sub', () => {
  let now: number;
  let server: PubsubServer;
  let clients: PubsubClients;
  beforeEach(async () => {
    now = Date.now();
    server = await startPubsubServer({ now: () => now });
    clients = new PubsubClients(server.host);
  });
  afterEach(async () => {
    await clients[Symbol.asyncDispose]();
    await server.close();
  });

  function pass(seconds: number): void {
    now += seconds * 1000;
    server.settleDue();
  }

  it('redelivers to an open stream what another has not settled in time', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, 'a');
    using holder = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60, maxOutstandingMessages: 1 });
    await holder.messages(1);
    using next = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60 });
    await next.empty(1);
    await clients.publish(topic, 'b');
    await next.messages(1);
    pass(59);
    expect(server.stats().subscriptions[subscription]).toMatchObject({ outstanding: 2, expired: 0 });
    pass(1);
    expect(server.stats().subscriptions[subscription]).toMatchObject({ outstanding: 0, expired: 2 });
    await Promise.race([holder.messages(2), next.messages(2)]);
  });

  it('leaves the leases of a stream that is gone to run out', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, 'a');
    using stream = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60 });
    await stream.messages(1);
    server.dropStreams();
    expect((await stream.ended).code).toBe(status.UNAVAILABLE);
    expect(await clients.pull(subscription, 1, true)).toEqual([]);
    pass(60);
    expect(await clients.pull(subscription, 1, true)).toMatchObject([{ text: 'a' }]);
  });

  it('keeps a stream within its limit of outstanding messages', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, 'a', 'b', 'c', 'd', 'e');
    using stream = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60, maxOutstandingMessages: 2 });
    await stream.messages(2);
    await clients.subscriber.getSubscription({ subscription });
    expect(stream.received).toHaveLength(2);
    await clients.ack(subscription, ...stream.received);
    await stream.messages(4);
    await clients.subscriber.getSubscription({ subscription });
    expect(stream.received.map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keeps a stream within its limit of outstanding bytes', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, 'a'.repeat(600), 'b'.repeat(600), 'c'.repeat(5000), 'd');
    using stream = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60, maxOutstandingBytes: 1000 });
    for (let count = 1; count <= 3; count++) {
      await stream.messages(count);
      await clients.subscriber.getSubscription({ subscription });
      expect(stream.received).toHaveLength(count);
      stream.write({ ackIds: [stream.received.at(-1)?.ackId] });
    }
    await stream.messages(4);
  });

  it('leases no more for a stream than its connection takes', async () => {
    const { topic, subscription } = await clients.createPair();
    using stream = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60 });
    await stream.empty(1);
    stream.pause();
    const text = 'x'.repeat(100_000);
    for (let call = 0; call < 100; call++) await clients.publish(topic, text);
    // What is between here and there takes about 50 responses.
    expect(server.stats().delivered).toBeLessThan(80);
    stream.resume();
    await stream.messages(100);
  });

  it('leases nothing for a pull that was cancelled', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.subscriber.initialize();
    // The method around it gives a promise that cannot be cancelled.
    const pull = clients.subscriber.innerApiCalls['pull']?.({ subscription, maxMessages: 1 }) as CancellablePull;
    await clients.subscriber.getSubscription({ subscription });
    pull.cancel();
    await expect(pull).rejects.toMatchObject({ code: status.CANCELLED });
    await clients.subscriber.getSubscription({ subscription });
    await clients.publish(topic, 'a');
    expect(await clients.pull(subscription, 1, true)).toMatchObject([{ text: 'a' }]);
  });

  it('is closed at once, whoever waits, and says that it is gone', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, 'a');
    using stream = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60 });
    await stream.messages(1);
    const waiting = clients.subscriber.pull({ subscription, maxMessages: 1 }, { retry: null });
    await clients.subscriber.getSubscription({ subscription });
    const [{ code }, pull] = await Promise.all([
      stream.ended,
      waiting.catch((error: unknown) => error),
      server.close(),
    ]);
    expect(code).toBe(status.UNAVAILABLE);
    expect(pull).toMatchObject({ code: status.UNAVAILABLE });
    server = await startPubsubServer();
  });

  it('lets a nacked message rest as the retry policy says', async () => {
    const retryPolicy = { minimumBackoff: { seconds: 10 }, maximumBackoff: { seconds: 600 } };
    const { topic, subscription } = await clients.createPair({ retryPolicy });
    await clients.publish(topic, 'a');
    for (const restSeconds of [10, 20, 40]) {
      const [delivery] = await clients.pull(subscription);
      await clients.nack(subscription, delivery ?? { ackId: '' });
      pass(restSeconds - 1);
      expect(await clients.pull(subscription, 1, true)).toEqual([]);
      pass(1);
    }
    expect(await clients.pull(subscription, 1, true)).toMatchObject([{ text: 'a' }]);
  });

  it('counts an expired lease as an attempt where there is a dead-letter policy', async () => {
    const dead = await clients.createPair();
    const deadLetterPolicy = { deadLetterTopic: dead.topic, maxDeliveryAttempts: 5 };
    const { topic, subscription } = await clients.createPair({ deadLetterPolicy, ackDeadlineSeconds: 20 });
    await clients.publish(topic, 'a');
    for (let attempt = 1; attempt <= 5; attempt++) {
      expect(await clients.pull(subscription)).toMatchObject([{ deliveryAttempt: attempt }]);
      pass(20);
    }
    expect(await clients.pull(dead.subscription, 1, true)).toMatchObject([{ text: 'a' }]);
    expect(server.stats()).toMatchObject({ published: 1, expired: 5, deadLettered: 1 });
  });

  it('forgets messages that are older than the retention', async () => {
    const { topic, subscription } = await clients.createPair({ messageRetentionDuration: { seconds: 600 } });
    await clients.publish(topic, 'a');
    pass(599);
    await clients.publish(topic, 'b');
    pass(1);
    expect(await clients.pull(subscription, 10, true)).toMatchObject([{ text: 'b' }]);
  });

  it('answers the keep-alives of a client that waits for answers', async () => {
    const { subscription } = await clients.createPair();
    using stream = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60, protocolVersion: 1 });
    await stream.empty(1);
    stream.write({});
    await stream.empty(2);
    expect(stream.received).toEqual([]);
  });

  it('ends streams and waiting pulls when the subscription is deleted', async () => {
    const { subscription } = await clients.createPair();
    using stream = new RawStream(clients, { subscription, streamAckDeadlineSeconds: 60 });
    await stream.empty(1);
    const waiting = clients.pull(subscription);
    await clients.subscriber.deleteSubscription({ subscription });
    expect((await stream.ended).code).toBe(status.NOT_FOUND);
    expect(await waiting).toEqual([]);
  });

  it('refuses what it would deliver otherwise than asked', async () => {
    const topic = clients.newTopicName();
    await clients.publisher.createTopic({ name: topic });
    for (const settings of [
      { enableMessageOrdering: true },
      { enableExactlyOnceDelivery: true },
      { pushConfig: { pushEndpoint: 'https://example.com' } },
      { bigqueryConfig: { table: 'a.b.c' } },
    ]) {
      const name = clients.newSubscriptionName();
      const creation = clients.subscriber.createSubscription({ ...settings, name, topic });
      await expect(creation).rejects.toMatchObject({ code: status.UNIMPLEMENTED });
    }
  });

  it('refuses requests over 10 MB as Pub/Sub does', async () => {
    const { topic } = await clients.createPair();
    const message = { data: Buffer.alloc(10_000_000) };
    await expect(clients.publisher.publish({ topic, messages: [message] })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringMatching(
        /^The value for request_size is too large. You passed \d+ in the request, but the maximum value is 10000000.$/,
      ),
    });
  });
});
