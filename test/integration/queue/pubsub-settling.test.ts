import { type PubsubServer, startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { IMPATIENT, PubsubFixture, pull, pullCount, pullOne } from './pubsub-fixture.ts';

let server: PubsubServer;
let fixture: PubsubFixture;
let nowMs: number;

beforeEach(async () => {
  nowMs = Date.now();
  server = await startPubsubServer({ now: () => nowMs });
  fixture = new PubsubFixture(server.host);
});

afterEach(async () => {
  server.faults.clear();
  await fixture[Symbol.asyncDispose]();
  await server.close();
});

function elapse(ms: number): void {
  nowMs += ms;
  server.settleDue();
}

it('settles many messages in few requests', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  await fixture.clients.publish(topic, ...Array.from({ length: 80 }, (_, i) => `message ${i}`));
  const messages = await pullCount(fixture.open().subscribe(subscription), 80);
  expect(new Set(await Promise.all(messages.map((message) => message.ack())))).toEqual(new Set([true]));
  expect(server.stats().calls['Acknowledge']).toBe(1);
});

it('says of an ack that it failed, and lets it be tried again', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  await fixture.clients.publish(topic, 'x');
  const message = await pullOne(fixture.open({ patience: IMPATIENT }).subscribe(subscription));
  server.faults.calls.refuse('Acknowledge', { code: status.UNAVAILABLE });
  await expect(message.ack()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  server.faults.clear();
  expect(await message.ack()).toBe(true);
  expect(server.stats().subscriptions[subscription]).toMatchObject({ waiting: 0, outstanding: 0 });
});

it('dead-letters a message with its bytes, its attributes and the reason', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  const dead = await fixture.clients.createPair();
  const data = Buffer.from([0xff, 0x00, 0xe9]);
  const attributes = { attempt: '3', origin: 'é' };
  await fixture.clients.publisher.publish({ topic, messages: [{ data, attributes }] });
  const queue = fixture.open({ deadLetterTopic: dead.topic });
  const message = await pullOne(queue.subscribe(subscription));
  expect(await message.deadLetter(`MESSAGE_MALFORMED: ${'é'.repeat(600)}`)).toBe(true);
  expect(await message.ack()).toBe(false);
  const [{ receivedMessages }] = await fixture.clients.subscriber.pull({
    subscription: dead.subscription,
    maxMessages: 9,
  });
  expect(receivedMessages).toHaveLength(1);
  expect(Buffer.from(receivedMessages?.[0]?.message?.data ?? '')).toEqual(data);
  expect(receivedMessages?.[0]?.message?.attributes).toEqual({
    origin: 'é',
    attempt: '1',
    code: 'MESSAGE_MALFORMED',
    message: 'é'.repeat(512),
  });
  expect(server.stats().subscriptions[subscription]).toMatchObject({ waiting: 0, outstanding: 0 });
});

it('dead-letters as many bytes as a message can hold, though they are not text', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  const dead = await fixture.clients.createPair();
  const data = Buffer.alloc(9_900_000, 0xff);
  await fixture.clients.publisher.publish({ topic, messages: [{ data }] });
  const message = await pullOne(fixture.open({ deadLetterTopic: dead.topic }).subscribe(subscription));
  expect(await message.deadLetter('MESSAGE_MALFORMED: not UTF-8')).toBe(true);
  expect(server.stats().topics[dead.topic]?.published).toBe(1);
});

it('keeps a message that cannot be dead-lettered', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  await fixture.clients.publish(topic, 'x');
  const message = await pullOne(fixture.open().subscribe(subscription));
  await expect(message.deadLetter('because')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await message.ack()).toBe(true);
});

it('tells the deliveries that Pub/Sub counts, where it does', async () => {
  const dead = await fixture.clients.createPair();
  const { topic, subscription } = await fixture.clients.createPair({
    deadLetterPolicy: { deadLetterTopic: dead.topic, maxDeliveryAttempts: 5 },
  });
  await fixture.clients.publish(topic, 'x');
  for (const attempt of [1, 2, 3]) {
    const message = await pullOne(fixture.open({ now: () => nowMs }).subscribe(subscription));
    expect(message.deliveryAttempt).toBe(attempt);
    // Closed first: it would have the message again.
    await fixture.closeQueues();
    elapse(10_000);
  }
});

it('counts deliveries itself where Pub/Sub does not, and sets aside what comes too often', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  const dead = await fixture.clients.createPair();
  await fixture.clients.publish(topic, 'x');
  const queue = fixture.open({ deadLetterTopic: dead.topic, maxDeliveryAttempts: 3 });
  const source = queue.subscribe(subscription);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const message = await pullOne(source);
    expect(message.deliveryAttempt).toBe(attempt);
    await message.nack();
  }
  const waiting = pull(source);
  const [deadMessage] = await fixture.clients.pull(dead.subscription);
  expect(deadMessage).toMatchObject({
    text: 'x',
    attributes: { code: 'MESSAGE_NOT_HANDLED', message: 'delivered 3 times and never acked' },
  });
  await source.close();
  expect(await waiting).toEqual([]);
});

it('leaves the delay of a nacked message to the retry policy, where there is one', async () => {
  const { topic, subscription } = await fixture.clients.createPair({
    retryPolicy: { minimumBackoff: { seconds: 30 }, maximumBackoff: { seconds: 30 } },
  });
  await fixture.clients.publish(topic, 'x');
  const source = fixture.open({ now: () => nowMs }).subscribe(subscription);
  expect(await (await pullOne(source)).nack(5_000)).toBe(true);
  expect(server.stats().subscriptions[subscription]).toMatchObject({ outstanding: 0, waiting: 1 });
  elapse(29_000);
  expect(await pull(source, { waitMs: 50 })).toEqual([]);
  elapse(1_000);
  expect((await pullOne(source)).deliveryAttempt).toBe(2);
});

it('keeps a delayed message away by its lease where it may not look for a retry policy', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  await fixture.clients.publish(topic, 'x');
  server.faults.calls.refuse('GetSubscription', { code: status.PERMISSION_DENIED });
  const source = fixture.open({ now: () => nowMs }).subscribe(subscription);
  expect(await (await pullOne(source)).nack(20_000)).toBe(true);
  elapse(19_000);
  expect(await pull(source, { waitMs: 50 })).toEqual([]);
  elapse(1_000);
  expect((await pullOne(source)).data).toBe('x');
});

it('looks for the retry policy again where an outage was in the way', async () => {
  const { topic, subscription } = await fixture.clients.createPair({
    retryPolicy: { minimumBackoff: { seconds: 30 }, maximumBackoff: { seconds: 30 } },
  });
  await fixture.clients.publish(topic, 'x', 'y');
  const source = fixture.open({ now: () => nowMs, patience: IMPATIENT }).subscribe(subscription);
  const [first, second] = await pullCount(source, 2);
  server.faults.calls.refuse('GetSubscription', { code: status.UNAVAILABLE });
  expect(await first?.nack(5_000)).toBe(true);
  expect(server.stats().subscriptions[subscription]).toMatchObject({ outstanding: 2, waiting: 0 });
  server.faults.clear();
  expect(await second?.nack(5_000)).toBe(true);
  expect(server.stats().subscriptions[subscription]).toMatchObject({ outstanding: 1, waiting: 1 });
});

it('does not take a lease that has run out for one that was prolonged', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  await fixture.clients.publish(topic, 'x');
  let stoodStillMs = 0;
  const source = fixture.open({ now: () => nowMs + stoodStillMs }).subscribe(subscription);
  const message = await pullOne(source);
  stoodStillMs = 10_000;
  expect(await message.extendLease(10_000)).toBe(false);
  expect(await message.extendLease(10_000)).toBe(false);
  expect(await message.ack()).toBe(false);
});

it('forgets what was handed out when its lease has run out, and hands out anew', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  await fixture.clients.publish(topic, 'x');
  const source = fixture.open({ maxMessagesInFlight: 1, now: () => nowMs }).subscribe(subscription);
  const lost = await pullOne(source);
  elapse(10_000);
  const held = await pullOne(source);
  expect(await lost.ack()).toBe(false);
  expect(await held.ack()).toBe(true);
});

it('does not hand out what waited here for longer than its lease', async () => {
  const { topic, subscription } = await fixture.clients.createPair();
  await fixture.clients.publish(topic, 'x', 'y');
  let stoodStillMs = 0;
  const source = fixture.open({ now: () => nowMs + stoodStillMs }).subscribe(subscription);
  await pullOne(source);
  stoodStillMs = 10_000;
  expect(await pull(source, { waitMs: 50 })).toEqual([]);
  elapse(10_000);
  stoodStillMs = 0;
  expect((await pullCount(source, 2)).map(({ data }) => data).toSorted()).toEqual(['x', 'y']);
});
