import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { consumeMessages } from '@object-transfer/core/runtime/consume-messages';
import type { RunningGrpcServer } from '@object-transfer/local-cloud/grpc/start-grpc-server';
import { afterEach, expect, it } from 'vitest';
import { PROJECT } from '../local-cloud/pubsub-clients.ts';
import { LOGGER, PubsubFixture, pullOne, recordingLogger } from './pubsub-fixture.ts';
import { received, startScriptedSubscriber, type SubscriberScript } from './scripted-subscriber.ts';

/**
 * Pub/Sub goes away, without a word or with its connections, while a process has work in hand. Calls are tried for a minute
 * here, and a process that ends has no such time: what is bounded by anything else does not end within a test.
 */

let server: RunningGrpcServer | undefined;
let fixture: PubsubFixture;
let silent = false;

async function start(script: Partial<SubscriberScript> = {}): Promise<void> {
  silent = false;
  server = await startScriptedSubscriber({
    onStream: (stream) => stream.write(received('one', 'two', 'three')),
    isSilent: () => silent,
    ...script,
  });
  fixture = new PubsubFixture(server.host);
}

async function goAway(): Promise<void> {
  await server?.close();
  server = undefined;
}

afterEach(async () => {
  await fixture[Symbol.asyncDispose]();
  await goAway();
});

const AWAY = { code: 'SERVICE_UNAVAILABLE', retryable: true, message: expect.stringContaining('being closed') };

it('closes a subscription in time though nothing can be handed back, and says how much was left', async () => {
  await start();
  const { logger, lines } = recordingLogger();
  const source = fixture.open({ closeGraceMs: 50, logger }).subscribe('scripted');
  await pullOne(source);
  silent = true;
  await source.close();
  expect(lines()).toEqual([
    expect.objectContaining({ level: 40, subscription: expect.stringMatching(/scripted$/), messages: 2 }),
  ]);
});

it('closes a queue in time though Pub/Sub is gone; what was under way fails, and who waits for it is told', async () => {
  await start();
  const { logger, lines } = recordingLogger();
  const queue = fixture.open({ closeGraceMs: 100, logger });
  const message = await pullOne(queue.subscribe('scripted'));
  await goAway();
  const underWay = Promise.allSettled([message.ack(), queue.publish('topic', [{ data: 'x' }])]);
  await queue.close();
  expect(await underWay).toMatchObject([{ reason: AWAY }, { reason: AWAY }]);
  await expect(message.nack()).rejects.toMatchObject(AWAY);
  expect(lines().map(({ messages, message: text }) => [messages, text])).toContainEqual([
    2,
    expect.stringContaining('could not be handed back'),
  ]);
});

it('ends consuming in time though the handlers wait for a Pub/Sub that is silent', async () => {
  await start();
  const { logger, lines } = recordingLogger();
  const stop = new AbortController();
  await consumeMessages({
    subscription: fixture.open({ closeGraceMs: 20, logger }).subscribe('scripted'),
    maxMessagesInFlight: 1,
    maxMessagesPerPull: 1,
    leaseMs: 10_000,
    drainMs: 20,
    abortGraceMs: 20,
    stop: stop.signal,
    logger,
    handle: async (message) => {
      silent = true;
      stop.abort();
      await message.ack();
    },
  });
  expect(lines().map(({ messages, message }) => [messages, message])).toEqual(
    expect.arrayContaining([
      [2, expect.stringContaining('could not be handed back')],
      [1, expect.stringContaining('left in the hands of handlers')],
    ]),
  );
});

it('hands back what was not begun as soon as the stop comes, while the handlers finish their work', async () => {
  const returned = Promise.withResolvers<readonly string[]>();
  const acked: string[] = [];
  await start({
    onModify: (ackIds, seconds) => {
      if (seconds === 0) returned.resolve(ackIds);
    },
    onAcknowledge: (ackIds) => {
      acked.push(...ackIds);
      return {};
    },
  });
  const stop = new AbortController();
  await consumeMessages({
    subscription: fixture.open().subscribe('scripted'),
    maxMessagesInFlight: 1,
    maxMessagesPerPull: 1,
    leaseMs: 10_000,
    drainMs: 600_000,
    stop: stop.signal,
    logger: LOGGER,
    handle: async (message) => {
      stop.abort();
      expect(await returned.promise).toEqual(['two', 'three']);
      expect(await message.ack()).toBe(true);
    },
  });
  expect(acked).toEqual(['one']);
});

it('keeps no process alive though Pub/Sub never answers', async () => {
  await start();
  silent = true;
  const program = fileURLToPath(new URL('pubsub-exit-process.ts', import.meta.url));
  const child = spawn(process.execPath, [program, server?.host ?? '', PROJECT, 'silence'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  expect(output.toString()).toBe('closed, 2 calls failed');
  // The limit of the test ends the waiting for a process that stays.
  expect(await ended).toEqual([0, null]);
});
