import type { RunningGrpcServer } from '@object-transfer/local-cloud/grpc/start-grpc-server';
import { afterEach, expect, it, vi } from 'vitest';
import { IMPATIENT, PubsubFixture, pull, pullCount } from './pubsub-fixture.ts';
import { received, startScriptedSubscriber, type SubscriberScript } from './scripted-subscriber.ts';

let server: RunningGrpcServer;
let fixture: PubsubFixture;

async function start(script: SubscriberScript): Promise<void> {
  server = await startScriptedSubscriber(script);
  fixture = new PubsubFixture(server.host);
}

afterEach(async () => {
  vi.useRealTimers();
  await fixture[Symbol.asyncDispose]();
  await server.close();
});

it('tells of an ack that its lease was lost, where the subscription delivers exactly once', async () => {
  await start({
    onStream: (stream) => stream.write(received('one', 'two', 'three')),
    onAcknowledge: () => ({ two: 'PERMANENT_FAILURE_INVALID_ACK_ID' }),
  });
  const messages = await pullCount(fixture.open().subscribe('scripted'), 3);
  expect(await Promise.all(messages.map((message) => message.ack()))).toEqual([true, false, true]);
});

it('tries an ack again that an exactly-once subscription could not take yet', async () => {
  let refusals = 1;
  await start({
    onStream: (stream) => stream.write(received('one')),
    onAcknowledge: () => (refusals-- > 0 ? { one: 'TRANSIENT_FAILURE_INVALID_ACK_ID' } : {}),
  });
  const [message] = await pullCount(fixture.open().subscribe('scripted'), 1);
  expect(await message?.ack()).toBe(true);
});

it('says of an ack that an exactly-once subscription never took that it failed', async () => {
  await start({
    onStream: (stream) => stream.write(received('one')),
    onAcknowledge: () => ({ one: 'TRANSIENT_FAILURE_INVALID_ACK_ID' }),
  });
  const [message] = await pullCount(fixture.open({ patience: IMPATIENT }).subscribe('scripted'), 1);
  await expect(message?.ack()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
});

it('opens another stream when one that used to answer goes silent, and not before', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  let streams = 0;
  let pings = 0;
  const silent = Promise.withResolvers<void>();
  await start({
    onStream: (stream) => {
      streams += 1;
      stream.write(received(`stream ${streams}`));
    },
    onPing: (stream) => {
      pings += 1;
      if (pings === 1) {
        stream.write({});
        stream.write(received('answered'));
      } else silent.resolve();
    },
  });
  const source = fixture.open().subscribe('scripted');
  const next = async (): Promise<string | undefined> => (await pull(source))[0]?.data;
  expect(await next()).toBe('stream 1');
  vi.advanceTimersByTime(30_000);
  expect(await next()).toBe('answered');
  vi.advanceTimersByTime(30_000);
  await silent.promise;
  expect(streams).toBe(1);
  vi.advanceTimersByTime(30_000);
  expect(await next()).toBe('stream 2');
});

it('leaves a stream alone that never answers, as that of an emulator', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  let streams = 0;
  let pings = 0;
  await start({
    onStream: (stream) => {
      streams += 1;
      stream.write(received('first'));
    },
    onPing: (stream) => {
      pings += 1;
      if (pings === 3) stream.write(received('last'));
    },
  });
  const source = fixture.open().subscribe('scripted');
  await pullCount(source, 1);
  for (let minute = 0; minute < 3; minute++) vi.advanceTimersByTime(30_000);
  expect((await pull(source))[0]?.data).toBe('last');
  expect(streams).toBe(1);
});

it('hands back on closing also what was still on its way', async () => {
  const returned: string[] = [];
  await start({
    onStream: (stream) => ['first', 'buffered'].forEach((id) => stream.write(received(id))),
    onEnd: (stream) => stream.write(received('late')),
    onModify: (ackIds, seconds) => {
      if (seconds === 0) returned.push(...ackIds);
    },
  });
  // As full as it may be.
  const source = fixture.open({ maxMessagesInFlight: 2 }).subscribe('scripted');
  await pull(source, { maxMessages: 1 });
  await source.close();
  expect(returned.toSorted()).toEqual(['buffered', 'late']);
});
