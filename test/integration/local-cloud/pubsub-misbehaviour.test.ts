import { once } from 'node:events';
import { connect } from 'node:net';
import { status } from '@grpc/grpc-js';
import { startPubsubServer, type PubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { consume, PubsubClients } from './pubsub-clients.ts';

describe('the local Pub/Sub, asked to misbehave', () => {
  let server: PubsubServer;
  let clients: PubsubClients;
  beforeEach(async () => {
    server = await startPubsubServer();
    clients = new PubsubClients(server.host);
  });
  afterEach(async () => {
    await clients[Symbol.asyncDispose]();
    await server.close();
  });

  it('refuses calls, which the clients retry or report', async () => {
    const { topic, subscription } = await clients.createPair();
    server.faults.calls.refuse('Publish', { code: status.UNAVAILABLE, times: 2 });
    await clients.publish(topic, 'a');
    expect(server.stats().calls).toMatchObject({ Publish: 3 });
    const refusal = { code: status.PERMISSION_DENIED, details: 'on request' };
    server.faults.calls.refuse('Pull', refusal);
    await expect(clients.pull(subscription)).rejects.toMatchObject(refusal);
    server.faults.clear();
    expect(await clients.pull(subscription)).toMatchObject([{ text: 'a' }]);
  });

  it('stores messages without a confirmation, so that the client publishes them again', async () => {
    const { topic, subscription } = await clients.createPair();
    server.faults.storeButRefuse({ code: status.UNAVAILABLE, times: 1 });
    const [id] = await clients.publish(topic, 'a');
    const pulled = await clients.pull(subscription);
    expect(pulled.map(({ text }) => text)).toEqual(['a', 'a']);
    expect(pulled.map((one) => one.id)).toContain(id);
    expect(server.stats()).toMatchObject({ published: 2, topics: { [topic]: { published: 2 } } });
  });

  it('confirms late what it delivers at once', async () => {
    const { topic, subscription } = await clients.createPair();
    server.faults.publishConfirmDelayMs = 200;
    const order: string[] = [];
    const publishing = clients.publish(topic, 'a').then(() => order.push('confirmed'));
    await clients.pull(subscription).then(() => order.push('delivered'));
    await publishing;
    expect(order).toEqual(['delivered', 'confirmed']);
  });

  it('drops streams, after which the client goes on with new ones', async () => {
    const { topic, subscription } = await clients.createPair();
    const received: string[] = [];
    let published = 1;
    await clients.publish(topic, '1');
    await consume(clients.pubsub.subscription(subscription), (message) => {
      received.push(message.data.toString());
      message.ack();
      if (received.length === 3) return true;
      server.dropStreams();
      published += 1;
      void clients.publish(topic, String(published));
      return false;
    });
    expect(received).toEqual(['1', '2', '3']);
  });

  it('refuses to open streams, until the client has tried often enough', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, 'a');
    server.faults.calls.refuse('StreamingPull', { code: status.UNAVAILABLE, times: 3 });
    const subscriber = clients.pubsub.subscription(subscription, { streamingOptions: { maxStreams: 1 } });
    await consume(subscriber, (message) => {
      message.ack();
      return true;
    });
    expect(server.stats()).toMatchObject({ acked: 1, calls: { StreamingPull: 4 } });
    expect(server.stats().subscriptions[subscription]).toMatchObject({ streamsOpened: 1 });
  });

  it('breaks connections, after which the clients come back', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, '1');
    let deliveries = 0;
    await consume(clients.pubsub.subscription(subscription), (message) => {
      deliveries += 1;
      message.ack();
      if (deliveries > 1) return true;
      server.dropConnections();
      void clients.publish(topic, '2');
      return false;
    });
    expect(deliveries).toBeGreaterThan(1);
  });

  it('delivers twice what the subscriber acks once', async () => {
    const { topic, subscription } = await clients.createPair();
    server.faults.duplicateEvery = 2;
    const ids = await clients.publish(topic, 'a', 'b', 'c', 'd');
    const seen: string[] = [];
    await consume(clients.pubsub.subscription(subscription), (message) => {
      seen.push(message.id);
      message.ack();
      return seen.length > ids.length && new Set(seen).size === ids.length;
    });
    expect(seen.length).toBeGreaterThan(ids.length);
  });

  it('delivers once more what is acked, later', async () => {
    const { topic, subscription } = await clients.createPair();
    server.faults.lateDuplicates = 1;
    server.faults.lateDuplicateDelayMs = 300;
    await clients.publish(topic, 'a', 'b');
    const pulled = await clients.pull(subscription, 2);
    await clients.ack(subscription, ...pulled);
    expect(server.stats().subscriptions[subscription]).toMatchObject({ acked: 2, waiting: 1, outstanding: 0 });
    const late = await clients.pull(subscription);
    expect(late).toMatchObject([{ text: 'a' }]);
    await clients.ack(subscription, ...late);
    expect(server.stats().subscriptions[subscription]).toMatchObject({ acked: 3, waiting: 0, outstanding: 0 });
  });

  it('goes away and comes back with what it has', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, 'a');
    await server.goAway();
    await expect(once(connect(server.port, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const publishing = clients.publish(topic, 'b');
    await server.comeBack();
    await publishing;
    const pulled = await clients.pull(subscription, 2);
    expect(pulled.map(({ text }) => text)).toEqual(['a', 'b']);
  });

  it('holds deliveries back', async () => {
    const { topic, subscription } = await clients.createPair();
    server.faults.deliveryDelayMs = 300;
    await clients.publish(topic, 'a');
    expect(await clients.pull(subscription, 1, true)).toEqual([]);
    expect(server.stats().subscriptions[subscription]).toMatchObject({ waiting: 1, outstanding: 0 });
    expect(await clients.pull(subscription)).toMatchObject([{ text: 'a' }]);
  });

  it('counts what happened, also in subscriptions that are gone', async () => {
    const { topic, subscription } = await clients.createPair();
    await clients.publish(topic, 'a', 'b', 'c');
    const [first, second] = await clients.pull(subscription, 2);
    await clients.ack(subscription, first ?? { ackId: '' });
    await clients.nack(subscription, second ?? { ackId: '' });
    server.faults.acksToLose = 1;
    await clients.ack(subscription, ...(await clients.pull(subscription, 1)));
    expect(server.stats()).toEqual({
      published: 3,
      delivered: 3,
      acked: 1,
      nacked: 1,
      expired: 0,
      deadLettered: 0,
      openStreams: 0,
      calls: { CreateTopic: 1, CreateSubscription: 1, Publish: 1, Pull: 2, Acknowledge: 2, ModifyAckDeadline: 1 },
      topics: { [topic]: { published: 3 } },
      subscriptions: {
        [subscription]: {
          delivered: 3,
          acked: 1,
          nacked: 1,
          expired: 0,
          deadLettered: 0,
          waiting: 1,
          outstanding: 1,
          openStreams: 0,
          streamsOpened: 0,
        },
      },
    });
    await clients.subscriber.deleteSubscription({ subscription });
    expect(server.stats()).toMatchObject({ delivered: 3, acked: 1, nacked: 1, subscriptions: {} });
  });
});
