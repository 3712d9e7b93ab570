import type { RunningGrpcServer } from '@object-transfer/local-cloud/grpc/start-grpc-server';
import { afterEach, expect, it } from 'vitest';
import { PubsubFixture, pullCount, pullOne } from './pubsub-fixture.ts';
import { received, receivedMessage, startScriptedSubscriber, type SubscriberScript } from './scripted-subscriber.ts';

/** What the requests hold that Pub/Sub gets, and what is made of its answers. */

let server: RunningGrpcServer;
let fixture: PubsubFixture;

async function start(script: Partial<SubscriberScript>): Promise<void> {
  server = await startScriptedSubscriber({ onStream: () => undefined, ...script });
  fixture = new PubsubFixture(server.host);
}

afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
  await server.close();
});

it('holds no more than 64 MiB that is published and not confirmed', async () => {
  const confirming = Promise.withResolvers<void>();
  const thirteen = Promise.withResolvers<void>();
  let requests = 0;
  await start({
    onPublish: async ({ length }) => {
      requests += 1;
      if (requests === 13) thirteen.resolve();
      await confirming.promise;
      return length;
    },
  });
  const queue = fixture.open({ closeGraceMs: 60_000 });
  const publishing = queue.publish(
    'topic',
    Array.from({ length: 16 }, () => ({ data: 'x'.repeat(5_000_000) })),
  );
  await thirteen.promise;
  const closed = queue.close();
  // The others were not even begun.
  await expect(publishing).rejects.toMatchObject({ code: 'STOPPED' });
  confirming.resolve();
  await closed;
  expect(requests).toBe(13);
});

it('takes messages for published only if every one of them was confirmed', async () => {
  await start({ onPublish: ({ length }) => length - 1 });
  await expect(fixture.open().publish('topic', [{ data: 'a' }, { data: 'b' }])).rejects.toMatchObject({
    code: 'SERVICE_REJECTED',
    message: expect.stringContaining('confirmed 1 of 2 messages to projects/'),
  });
});

it.each([
  ['2,000 ids', 20, [2_000, 500]],
  // Pub/Sub takes 512 KiB.
  ['400,000 bytes of ids', 400, [1_000, 1_000, 500]],
])('acks at most %s in one request', async (_, idBytes, expected) => {
  const ids = Array.from({ length: 2_500 }, (_unused, index) => String(index).padStart(idBytes, '0'));
  const acked: (readonly string[])[] = [];
  await start({
    onStream: (stream) => stream.write(received(...ids)),
    onAcknowledge: (ackIds) => {
      acked.push(ackIds);
      return {};
    },
  });
  const messages = await pullCount(fixture.open({ maxMessagesInFlight: 2_500 }).subscribe('scripted'), 2_500);
  await Promise.all(messages.map((message) => message.ack()));
  expect(acked.map(({ length }) => length).toSorted((a, b) => b - a)).toEqual(expected);
  expect(new Set(acked.flat())).toEqual(new Set(ids));
});

it('dead-letters a message without the attributes that only Pub/Sub may set', async () => {
  const attributes: Readonly<Record<string, string>>[] = [];
  await start({
    onStream: (stream) => {
      stream.write({ receivedMessages: [receivedMessage('one', { googclient_x: '1', GoogX: '2', origin: 'é' })] });
    },
    onPublish: (messages) => {
      attributes.push(...messages.map((message) => message.attributes));
      return messages.length;
    },
  });
  const message = await pullOne(fixture.open({ deadLetterTopic: 'errors' }).subscribe('scripted'));
  expect(await message.deadLetter('MESSAGE_MALFORMED: no JSON')).toBe(true);
  expect(attributes).toEqual([{ origin: 'é', attempt: '1', code: 'MESSAGE_MALFORMED', message: 'no JSON' }]);
});
