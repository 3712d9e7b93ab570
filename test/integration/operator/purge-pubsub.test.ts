import { purgePubsub } from '@object-transfer/core/queue/purge-pubsub';
import { preparePubsub } from '@object-transfer/core/queue/prepare-pubsub';
import { startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEmulator, startEmulator } from '../../services/google-emulator.ts';
import { PROJECT } from '../local-cloud/pubsub-clients.ts';
import { PubsubFixture, pull, pullOne } from '../queue/pubsub-fixture.ts';

interface Server {
  readonly host: string;
  close(): Promise<void>;
}

describe.each([
  { name: 'the local cloud', start: (): Promise<Server> => startPubsubServer(), missing: undefined },
  { name: "Google's emulator", start: (): Promise<Server> => startEmulator('pubsub'), ...findEmulator('pubsub') },
])('purging a subscription of $name', ({ start, missing }) => {
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

  it('settles what was published before, and nothing that comes after, nor of another subscription', async (test) => {
    if (server === undefined) return test.skip(missing);
    const connection = { projectId: PROJECT, emulatorHost: server.host };
    const subscriptions = ['checks-sub', 'checks-copy'].map((name) => ({ name, topic: 'checks' }));
    await preparePubsub({ ...connection, topics: ['checks'], subscriptions });
    const queue = fixture.open();
    await queue.publish('checks', [{ data: 'before' }, { data: 'before' }]);

    await purgePubsub(connection, 'checks-sub');
    await queue.publish('checks', [{ data: 'after' }]);
    const subscription = queue.subscribe('checks-sub');
    const message = await pullOne(subscription);
    expect(message.data).toBe('after');
    await message.ack();
    expect(await pull(subscription, { waitMs: 500 })).toEqual([]);
    expect((await pullOne(queue.subscribe('checks-copy'))).data).toBe('before');
  });

  it('names a subscription that is not there', async (test) => {
    if (server === undefined) return test.skip(missing);
    await expect(purgePubsub({ projectId: PROJECT, emulatorHost: server.host }, 'no-such-sub')).rejects.toMatchObject({
      code: 'CONFIG_QUEUE_MISSING',
      message: expect.stringContaining('no-such-sub'),
    });
  });
});
