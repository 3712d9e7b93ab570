import { decodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import { type PubsubServer, startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FreezingProxy } from './freezing-proxy.ts';
import { PubsubFixture, pull, pullCount, pullOne } from './pubsub-fixture.ts';

let server: PubsubServer;
let fixture: PubsubFixture;
let topic: string;
let subscription: string;

beforeEach(async () => {
  server = await startPubsubServer();
  fixture = new PubsubFixture(server.host);
  ({ topic, subscription } = await fixture.clients.createPair());
});

afterEach(async () => {
  server.faults.clear();
  await fixture[Symbol.asyncDispose]();
  await server.close();
});

function stats() {
  return server.stats().subscriptions[subscription];
}

async function publish(count: number): Promise<void> {
  await fixture.clients.publish(topic, ...Array.from({ length: count }, (_, i) => `message ${i}`));
}

it('holds no more messages than it may, however many wait', async () => {
  await publish(100);
  const source = fixture.open({ maxMessagesInFlight: 10 }).subscribe(subscription);
  const held = [...(await pullCount(source, 3))];
  expect(stats()?.outstanding).toBe(10);
  held.push(...(await pullCount(source, 7)));
  expect(await pull(source, { waitMs: 100 })).toEqual([]);
  expect(stats()).toMatchObject({ outstanding: 10, waiting: 90 });
  let acked = 0;
  for (let message = held.shift(); message !== undefined; message = held.shift()) {
    expect(await message.ack()).toBe(true);
    acked += 1;
    if (acked <= 90) held.push(...(await pull(source, { maxMessages: 10 })));
    expect(held.length).toBeLessThanOrEqual(10);
    expect(stats()?.outstanding).toBeLessThanOrEqual(10);
  }
  expect(stats()).toMatchObject({ outstanding: 0, waiting: 0 });
});

it('holds no more bytes than it may, and lets a larger message through alone', async () => {
  const queue = fixture.open({ maxBytesInFlight: 1_000 });
  await queue.publish(topic, [{ data: 'x'.repeat(5_000) }, { data: 'y'.repeat(600) }, { data: 'z'.repeat(600) }]);
  const source = queue.subscribe(subscription);
  let next = pull(source);
  for (let left = 3; left > 0; left--) {
    const messages = await next;
    expect(messages).toHaveLength(1);
    expect(await pull(source, { waitMs: 20 })).toEqual([]);
    // It waits for room, which the ack makes.
    next = pull(source, left === 1 ? { waitMs: 20 } : {});
    await messages[0]?.ack();
  }
  expect(await next).toEqual([]);
});

it('has Pub/Sub keep what goes beyond its bytes, and not only the messages beyond their number', async () => {
  const maxBytesInFlight = 10 * 1024 * 1024;
  const queue = fixture.open({ maxBytesInFlight });
  const data = 'x'.repeat(4_000_000);
  await queue.publish(
    topic,
    Array.from({ length: 5 }, () => ({ data })),
  );
  const source = queue.subscribe(subscription);
  const held = await pullCount(source, 2);
  expect(await pull(source, { waitMs: 100 })).toEqual([]);
  expect(stats()).toMatchObject({ outstanding: 2, waiting: 3 });
  await held[0]?.ack();
  await pullOne(source);
  expect(stats()).toMatchObject({ outstanding: 2, waiting: 2 });
});

it('hands back on closing what was never handed out, for others to have at once', async () => {
  await publish(50);
  const closing = fixture.open({ leaseMs: 600_000 });
  const source = closing.subscribe(subscription);
  const mine = await pullCount(source, 2);
  await source.close();
  expect(stats()).toMatchObject({ outstanding: 2, waiting: 48 });
  const others = await pullCount(fixture.open().subscribe(subscription), 48);
  const all = [...mine, ...others].map(({ data }) => data);
  expect(new Set(all).size).toBe(50);
  expect(await Promise.all(mine.map((message) => message.ack()))).toEqual([true, true]);
  await closing.close();
  expect(stats()).toMatchObject({ outstanding: 48, waiting: 0 });
});

it('prolongs the leases of messages that wait to be pulled', async () => {
  await publish(2);
  const source = fixture.open().subscribe(subscription);
  const first = await pullOne(source);
  // Longer than the shortest lease that there is.
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  expect(await first.ack()).toBe(false);
  const second = await pullCount(source, 2);
  expect(second.map(({ data }) => data).toSorted()).toEqual(['message 0', 'message 1']);
  expect(await Promise.all(second.map((message) => message.ack()))).toEqual([true, true]);
  // Only that of the message that was handed out, which nobody prolonged.
  expect(stats()?.expired).toBe(1);
});

it('goes on when the stream breaks off, or the connection does', async () => {
  const source = fixture.open().subscribe(subscription);
  await publish(1);
  await (await pullOne(source)).ack();
  server.dropStreams();
  await publish(1);
  await (await pullOne(source)).ack();
  server.dropConnections();
  const next = pullOne(source);
  await using others = new PubsubFixture(server.host);
  await others.clients.publish(topic, 'after');
  expect((await next).data).toBe('after');
});

it('goes on when the connection has died without a word', async () => {
  await using proxy = await FreezingProxy.start(server.port);
  const queue = fixture.open({ emulatorHost: proxy.host, keepalive: { intervalMs: 200, timeoutMs: 200 } });
  const source = queue.subscribe(subscription);
  await publish(1);
  const message = await pullOne(source);
  proxy.freeze();
  expect(await message.ack()).toBe(true);
  // What is sent to the stream that the server takes for open would be lost until its lease ends.
  server.dropStreams();
  await queue.publish(topic, [{ data: 'after' }]);
  expect((await pullOne(source)).data).toBe('after');
});

it('fails when it has had no stream for long, with the host, and goes on when there is one', async () => {
  server.faults.calls.refuse('StreamingPull', { code: status.UNAVAILABLE });
  const source = fixture.open({ maxOutageMs: 300 }).subscribe(subscription);
  await publish(1);
  await expect(pull(source)).rejects.toMatchObject({
    code: 'SERVICE_UNAVAILABLE',
    retryable: true,
    message: expect.stringContaining(server.host),
  });
  server.faults.clear();
  await expect.poll(() => pull(source).catch(() => []), { timeout: 20_000 }).toHaveLength(1);
  expect(await pull(source, { waitMs: 400 })).toEqual([]);
});

it('tells a subscription that is not there, and finds it when it is', async () => {
  const source = fixture.open().subscribe('created-later');
  const missing = { code: 'CONFIG_QUEUE_MISSING', message: expect.stringContaining('subscriptions/created-later') };
  await expect(pull(source)).rejects.toMatchObject(missing);
  const name = subscription.replace(/[^/]+$/, 'created-later');
  await fixture.clients.subscriber.createSubscription({ name, topic });
  await publish(1);
  expect((await pullOne(source)).data).toBe('message 0');
});

it('tells a subscription that is deleted under it', async () => {
  const source = fixture.open().subscribe(subscription);
  await publish(1);
  await pullOne(source);
  const [failed] = await Promise.allSettled([
    pull(source),
    fixture.clients.subscriber.deleteSubscription({ subscription }),
  ]);
  expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'CONFIG_QUEUE_MISSING' } });
});

it('tells that it may not pull', async () => {
  server.faults.calls.refuse('StreamingPull', { code: status.PERMISSION_DENIED });
  await expect(pull(fixture.open().subscribe(subscription))).rejects.toMatchObject({ code: 'CONFIG_ACCESS_DENIED' });
});

it('reads what the reference tool publishes', async () => {
  await fixture.clients.publish(topic, '["photos/a.jpg", "photos/\\u00fc.jpg"]');
  const message = await pullOne(fixture.open().subscribe(subscription));
  expect(message.attributes).toEqual({});
  expect(decodeObjectMessage(message.data).objects.map(({ key }) => key)).toEqual(['photos/a.jpg', 'photos/ü.jpg']);
});

it('makes a message that cannot be read of bytes that are not UTF-8', async () => {
  const data = Buffer.from([...Buffer.from('["caf'), 0xe9, ...Buffer.from('"]')]);
  await fixture.clients.publisher.publish({ topic, messages: [{ data }] });
  const message = await pullOne(fixture.open().subscribe(subscription));
  expect(() => decodeObjectMessage(message.data)).toThrow(/not JSON/);
  expect(message.data).toContain(data.toString('base64'));
});
