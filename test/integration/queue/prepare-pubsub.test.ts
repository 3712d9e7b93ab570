import { checkSubscription, checkTopic } from '@object-transfer/core/queue/check-pubsub';
import { preparePubsub, type PreparePubsubOptions } from '@object-transfer/core/queue/prepare-pubsub';
import { startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT } from '../local-cloud/pubsub-clients.ts';
import { findEmulator, startEmulator } from '../../services/google-emulator.ts';
import { IMPATIENT, PubsubFixture } from './pubsub-fixture.ts';

const TOPIC = `projects/${PROJECT}/topics/objects`;
const ERRORS = `projects/${PROJECT}/topics/errors`;
const SUBSCRIPTION = `projects/${PROJECT}/subscriptions/objects-sub`;

interface Server {
  readonly host: string;
  close(): Promise<void>;
}

function wanted(host: string): PreparePubsubOptions {
  return {
    projectId: PROJECT,
    emulatorHost: host,
    topics: ['objects', ERRORS],
    subscriptions: [{ name: 'objects-sub', topic: 'objects', deadLetterTopic: 'errors' }],
  };
}

describe.each([
  { name: 'the local cloud', start: (): Promise<Server> => startPubsubServer(), missing: undefined },
  { name: "Google's emulator", start: (): Promise<Server> => startEmulator('pubsub'), ...findEmulator('pubsub') },
])('on $name', ({ start, missing }) => {
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

  it('creates what is missing, once, whoever else does so too', async (test) => {
    if (server === undefined) return test.skip(missing);
    const options = wanted(server.host);
    const first = await Promise.all([preparePubsub(options), preparePubsub(options), preparePubsub(options)]);
    // Google's emulator lets several create the same subscription at the same moment.
    expect(new Set(first.flatMap(({ created }) => created))).toEqual(new Set([TOPIC, ERRORS, SUBSCRIPTION]));
    const [found] = await fixture.clients.subscriber.getSubscription({ subscription: SUBSCRIPTION });
    expect(found).toMatchObject({
      topic: TOPIC,
      ackDeadlineSeconds: 60,
      deadLetterPolicy: { deadLetterTopic: ERRORS, maxDeliveryAttempts: 20 },
      retryPolicy: { minimumBackoff: { seconds: '10' }, maximumBackoff: { seconds: '600' } },
      messageRetentionDuration: { seconds: '604800' },
    });
    expect(await preparePubsub(options)).toEqual({
      created: [],
      existing: [TOPIC, ERRORS, SUBSCRIPTION],
      notes: [],
    });
    const { projectId, emulatorHost } = options;
    expect(await checkTopic({ projectId, emulatorHost }, 'objects')).toEqual([]);
    expect(await checkSubscription({ projectId, emulatorHost }, 'objects-sub', { topic: 'objects' })).toEqual([]);
  });

  it('tells what about a subscription does harm, and leaves it alone', async (test) => {
    if (server === undefined) return test.skip(missing);
    const { topic } = await fixture.clients.createPair();
    const dead = await fixture.clients.createPair();
    const name = `projects/${PROJECT}/subscriptions/careless`;
    await fixture.clients.subscriber.createSubscription({
      name,
      topic,
      ackDeadlineSeconds: 10,
      messageRetentionDuration: { seconds: 86_400 },
      expirationPolicy: { ttl: { seconds: 31 * 86_400 } },
      deadLetterPolicy: { deadLetterTopic: dead.topic, maxDeliveryAttempts: 5 },
    });
    const subscriptions = [{ name, topic, deadLetterTopic: dead.topic }];
    const { existing, notes } = await preparePubsub({ ...wanted(server.host), topics: [], subscriptions });
    expect(existing).toEqual([name]);
    expect(notes.join('\n')).toMatch(/31 days.*retry policy.*5 deliveries.*10 s.*1 days/s);
    const [found] = await fixture.clients.subscriber.getSubscription({ subscription: name });
    expect(found.ackDeadlineSeconds).toBe(10);
  });

  it('refuses a subscription of another topic', async (test) => {
    if (server === undefined) return test.skip(missing);
    const mine = await fixture.clients.createPair();
    const other = await fixture.clients.createPair();
    const subscriptions = [{ name: other.subscription, topic: mine.topic }];
    const preparing = preparePubsub({ ...wanted(server.host), topics: [], subscriptions });
    await expect(preparing).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(mine.topic),
    });
  });

  it('tells what is not there', async (test) => {
    if (server === undefined) return test.skip(missing);
    const options = { projectId: PROJECT, emulatorHost: server.host };
    const gone = { code: 'CONFIG_QUEUE_MISSING' };
    await expect(checkTopic(options, 'nowhere')).rejects.toMatchObject(gone);
    await expect(checkSubscription(options, 'nowhere')).rejects.toMatchObject(gone);
    const { topic, subscription } = await fixture.clients.createPair();
    await fixture.clients.publisher.deleteTopic({ topic });
    await expect(checkSubscription(options, subscription)).rejects.toMatchObject(gone);
    const subscriptions = [{ name: 'orphan', topic: 'nowhere' }];
    const preparing = preparePubsub({ ...wanted(server.host), topics: [], subscriptions });
    await expect(preparing).rejects.toMatchObject({ ...gone, message: expect.stringContaining('topics/nowhere') });
  });
});

it('passes over a topic that it may not look at: it may be allowed to publish', async () => {
  const server = await startPubsubServer();
  server.faults.calls.refuse('GetTopic', { code: status.PERMISSION_DENIED });
  const options = { projectId: PROJECT, emulatorHost: server.host };
  expect(await checkTopic(options, 'objects')).toEqual([expect.stringContaining('could not be looked at')]);
  await server.close();
});

it('gives up on a host that nobody answers at', async () => {
  const server = await startPubsubServer();
  await server.close();
  await expect(preparePubsub({ ...wanted(server.host), patience: IMPATIENT })).rejects.toMatchObject({
    code: 'SERVICE_UNAVAILABLE',
    message: expect.stringContaining(server.host),
  });
});

it.each(['a', '1topic', 'goog-topic', 'projects/p/subscriptions/objects', 'x/objects', 'ob jects'])(
  'refuses the topic name %j',
  async (name) => {
    const checking = checkTopic({ projectId: PROJECT, emulatorHost: '127.0.0.1:1' }, name);
    await expect(checking).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  },
);
