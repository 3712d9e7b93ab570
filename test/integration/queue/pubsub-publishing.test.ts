import { type PubsubServer, startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { IMPATIENT, PubsubFixture, pullCount } from './pubsub-fixture.ts';

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

function texts(count: number): { readonly data: string }[] {
  return Array.from({ length: count }, (_, i) => ({ data: `message ${i}` }));
}

it('splits what is too large for one request, and delivers all of it', async () => {
  const queue = fixture.open();
  const messages = Array.from({ length: 10 }, (_, i) => ({ data: String(i).repeat(5_000_000) }));
  await queue.publish(topic, messages);
  const received = await pullCount(queue.subscribe(subscription), 10);
  expect(received.map(({ data }) => data).toSorted()).toEqual(messages.map(({ data }) => data));
  expect(server.stats().published).toBe(10);
});

it('sends nothing of a call that holds a message over 10 MB', async () => {
  const queue = fixture.open();
  const publishing = queue.publish(topic, [{ data: 'small' }, { data: 'x'.repeat(10_000_001) }]);
  await expect(publishing).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
  expect(server.stats().calls['Publish']).toBeUndefined();
});

it.each([
  ['a value over 1,024 bytes', { data: 'x', attributes: { message: 'é'.repeat(513) } }],
  ['a key over 256 bytes', { data: 'x', attributes: { ['é'.repeat(129)]: '1' } }],
  ['a key that is reserved', { data: 'x', attributes: { 'googclient-x': '1' } }],
  ['nothing', { data: '' }],
])('refuses a message with %s before it spoils the request of others', async (_, message) => {
  const queue = fixture.open();
  await expect(queue.publish(topic, [message])).rejects.toMatchObject({ code: 'MESSAGE_MALFORMED' });
});

it('gathers the messages of concurrent callers, and confirms each caller', async () => {
  const queue = fixture.open();
  await Promise.all(texts(50).map((message) => queue.publish(topic, [message])));
  expect(server.stats()).toMatchObject({ published: 50, calls: { Publish: 1 } });
});

it('holds to the number of messages of one request', async () => {
  const queue = fixture.open({ batching: { maxMessages: 20 } });
  await queue.publish(topic, texts(50));
  expect(server.stats()).toMatchObject({ published: 50, calls: { Publish: 3 } });
});

it('tries again what failed for a reason that may pass', async () => {
  server.faults.calls.refuse('Publish', { code: status.UNAVAILABLE, times: 2 });
  await fixture.open().publish(topic, texts(1));
  expect(server.stats()).toMatchObject({ published: 1, calls: { Publish: 3 } });
});

it('names host, topic and how long was tried when it gives up', async () => {
  server.faults.calls.refuse('Publish', { code: status.UNAVAILABLE });
  const publishing = fixture.open({ patience: IMPATIENT }).publish(topic, texts(1));
  await expect(publishing).rejects.toMatchObject({
    code: 'SERVICE_UNAVAILABLE',
    retryable: true,
    message: expect.stringMatching(new RegExp(`${topic}.* tried \\d+ times in [\\d.]+ s: .*${server.host}`)),
  });
});

it('gives up on a host that nobody answers at', async () => {
  const gone = await startPubsubServer();
  await gone.close();
  const { host } = gone;
  const publishing = fixture.open({ emulatorHost: host, patience: IMPATIENT }).publish(topic, texts(1));
  await expect(publishing).rejects.toMatchObject({
    code: 'SERVICE_UNAVAILABLE',
    message: expect.stringContaining(host),
  });
});

it.each([
  [status.PERMISSION_DENIED, 'CONFIG_ACCESS_DENIED'],
  [status.UNAUTHENTICATED, 'CONFIG_ACCESS_DENIED'],
  [status.INVALID_ARGUMENT, 'SERVICE_REJECTED'],
])('does not repeat a call that is refused with status %s', async (code, expected) => {
  server.faults.calls.refuse('Publish', { code });
  await expect(fixture.open().publish(topic, texts(1))).rejects.toMatchObject({ code: expected, retryable: false });
  expect(server.stats().calls['Publish']).toBe(1);
});

it('tells a topic that is not there', async () => {
  await expect(fixture.open().publish('nowhere', texts(1))).rejects.toMatchObject({
    code: 'CONFIG_QUEUE_MISSING',
    // In the middle of a list, Google's full stop would be in the way.
    message: expect.stringMatching(/\/topics\/nowhere is not there: .*[^.]$/) as string,
  });
});

it('takes topics by their bare id', async () => {
  const id = topic.split('/').at(-1) ?? '';
  await fixture.open().publish(id, texts(1));
  expect(server.stats().topics[topic]?.published).toBe(1);
});

it('sends on closing what waits for others, and resolves when it is confirmed', async () => {
  const queue = fixture.open({ batching: { maxLatencyMs: 600_000 } });
  const publishing = queue.publish(topic, texts(3));
  await new Promise(setImmediate);
  await queue.close();
  await publishing;
  expect(server.stats().published).toBe(3);
  await expect(queue.publish(topic, texts(1))).rejects.toMatchObject({ code: 'STOPPED' });
});
