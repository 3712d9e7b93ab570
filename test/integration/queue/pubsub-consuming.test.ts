import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { preparePubsub } from '@object-transfer/core/queue/prepare-pubsub';
import { consumeMessages } from '@object-transfer/core/runtime/consume-messages';
import { startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT } from '../local-cloud/pubsub-clients.ts';
import { findEmulator, startEmulator } from '../../services/google-emulator.ts';
import { LOGGER, PubsubFixture, pullCount } from './pubsub-fixture.ts';

interface Server {
  readonly host: string;
  close(): Promise<void>;
}

describe.each([
  { name: 'the local cloud', start: (): Promise<Server> => startPubsubServer(), missing: undefined },
  { name: "Google's emulator", start: (): Promise<Server> => startEmulator('pubsub'), ...findEmulator('pubsub') },
])('over $name', ({ start, missing }) => {
  let server: Server | undefined;
  let fixture: PubsubFixture;

  beforeAll(async () => {
    if (missing !== undefined) return;
    server = await start();
    fixture = new PubsubFixture(server.host);
  });

  afterAll(async () => {
    if (server === undefined) return;
    await fixture[Symbol.asyncDispose]();
    await server.close();
  });

  it('handles every message, never more at once than it may', async (test) => {
    if (server === undefined) return test.skip(missing);
    const { topic, subscription } = await fixture.clients.createPair();
    const messages = Array.from({ length: 300 }, (_, i) => ({ data: `message ${i}` }));
    const queue = fixture.open({ maxMessagesInFlight: 8 });
    await queue.publish(topic, messages);
    const stop = new AbortController();
    const handled = new Set<string>();
    let atOnce = 0;
    let most = 0;
    await consumeMessages({
      subscription: queue.subscribe(subscription),
      maxMessagesInFlight: 100,
      maxMessagesPerPull: 50,
      leaseMs: 10_000,
      drainMs: 5_000,
      stop: stop.signal,
      logger: LOGGER,
      handle: async (message) => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await new Promise(setImmediate);
        atOnce -= 1;
        await message.ack();
        handled.add(message.data);
        if (handled.size === messages.length) stop.abort();
      },
    });
    expect(most).toBe(8);
    expect(await fixture.clients.pull(subscription, 1, true)).toEqual([]);
  });

  it('hands back on closing what was never handed out, for others to have at once', async (test) => {
    if (server === undefined) return test.skip(missing);
    const { topic, subscription } = await fixture.clients.createPair();
    await fixture.clients.publish(topic, ...Array.from({ length: 50 }, (_, i) => `message ${i}`));
    // Whose leases would last.
    const closing = fixture.open({ leaseMs: 600_000 }).subscribe(subscription);
    const mine = await pullCount(closing, 2);
    await closing.close();
    const others = await pullCount(fixture.open().subscribe(subscription), 48);
    expect(new Set([...mine, ...others].map(({ data }) => data)).size).toBe(50);
  });

  it('moves large messages both ways', async (test) => {
    if (server === undefined) return test.skip(missing);
    const { topic, subscription } = await fixture.clients.createPair();
    const queue = fixture.open();
    const messages = Array.from({ length: 10 }, (_, i) => ({ data: String(i).repeat(5_000_000) }));
    await queue.publish(topic, messages);
    const received = await pullCount(queue.subscribe(subscription), 10);
    expect(received.map(({ data }) => data).toSorted()).toEqual(messages.map(({ data }) => data));
  });

  it('keeps no process alive once it is closed', async (test) => {
    if (server === undefined) return test.skip(missing);
    const { host } = server;
    const names = { projectId: PROJECT, emulatorHost: host };
    await preparePubsub({ ...names, topics: ['exiting'], subscriptions: [{ name: 'exiting', topic: 'exiting' }] });
    const program = fileURLToPath(new URL('pubsub-exit-process.ts', import.meta.url));
    const child = spawn(process.execPath, [program, host, PROJECT], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const [output] = (await once(child.stdout, 'data')) as [Buffer];
    expect(output.toString()).toBe('closed');
    // The limit of the test ends the waiting for a process that stays.
    expect(await ended).toEqual([0, null]);
  });
});
