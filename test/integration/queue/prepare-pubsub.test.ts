import { checkSubscription, checkTopic } from '@object-transfer/core/queue/check-pubsub';
import { preparePubsub, type PreparePubsubOptions } from '@object-transfer/core/queue/prepare-pubsub';
import { startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT } from '../local-cloud/pubsub-clients.ts';
import { findEmulator, startEmulator } from '../../services/google-emulator.ts';
import { IMPATIENT, PubsubFixture, recordingLogger } from './pubsub-fixture.ts';

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
    expect(notes.join('\n')).toMatch(/31 days.*retry policy.*5 deliveries.*10 s.*a day/s);
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

  it('refuses a subscription of the error topic itself: its workers would go round in circles', async (test) => {
    if (server === undefined) return test.skip(missing);
    const options = { projectId: PROJECT, emulatorHost: server.host };
    const errors = await fixture.clients.createPair();
    const circle = {
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`the error topic ${errors.topic} itself`),
    };
    const checking = checkSubscription(options, errors.subscription, { deadLetterTopic: errors.topic });
    await expect(checking).rejects.toMatchObject(circle);
    const subscriptions = [{ name: 'circle', topic: errors.topic, deadLetterTopic: errors.topic }];
    const preparing = preparePubsub({ ...wanted(server.host), topics: [], subscriptions });
    await expect(preparing).rejects.toMatchObject(circle);
    await expect(checkSubscription(options, 'circle')).rejects.toMatchObject({ code: 'CONFIG_QUEUE_MISSING' });
    // Working off what failed, with another error topic, is no circle.
    const elsewhere = await checkSubscription(options, errors.subscription, { deadLetterTopic: 'elsewhere' });
    expect(elsewhere.join('\n')).toContain(`set one with the topic projects/${PROJECT}/topics/elsewhere`);
  });

  it('misses no dead-letter policy of a subscription that only collects errors', async (test) => {
    if (server === undefined) return test.skip(missing);
    const { topic, subscription } = await fixture.clients.createPair();
    const subscriptions = [{ name: subscription, topic }];
    const { notes } = await preparePubsub({ ...wanted(server.host), topics: [], subscriptions });
    expect(notes.join('\n')).not.toContain('dead-letter');
  });

  it('tells a topic that nobody listens to, where it is asked to', async (test) => {
    if (server === undefined) return test.skip(missing);
    const options = { projectId: PROJECT, emulatorHost: server.host };
    const topic = fixture.clients.newTopicName();
    await fixture.clients.publisher.createTopic({ name: topic });
    const expected = { expectsSubscription: true };
    expect(await checkTopic(options, topic)).toEqual([]);
    expect(await checkTopic(options, topic, expected)).toEqual([expect.stringMatching(/has no subscription.*is lost/)]);
    const name = fixture.clients.newSubscriptionName();
    await fixture.clients.subscriber.createSubscription({ name, topic });
    expect(await checkTopic(options, topic, expected)).toEqual([]);
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

it('says nothing about the subscriptions of a topic that it may not list', async () => {
  const server = await startPubsubServer();
  await using fixture = new PubsubFixture(server.host);
  const topic = fixture.clients.newTopicName();
  await fixture.clients.publisher.createTopic({ name: topic });
  server.faults.calls.refuse('ListTopicSubscriptions', { code: status.PERMISSION_DENIED });
  const options = { projectId: PROJECT, emulatorHost: server.host };
  expect(await checkTopic(options, topic, { expectsSubscription: true })).toEqual([]);
  expect(server.stats().calls['ListTopicSubscriptions']).toBe(1);
  await server.close();
});

it('tells why the start takes long, once', async () => {
  const server = await startPubsubServer();
  await using fixture = new PubsubFixture(server.host);
  const { topic, subscription } = await fixture.clients.createPair();
  server.faults.calls.refuse('GetSubscription', { code: status.UNAVAILABLE, times: 3 });
  const { logger, lines } = recordingLogger();
  const options = { projectId: PROJECT, emulatorHost: server.host, patience: IMPATIENT, logger };
  await checkSubscription(options, subscription, { topic });
  expect(server.stats().calls['GetSubscription']).toBe(4);
  expect(lines()).toEqual([expect.objectContaining({ level: 40, code: 'SERVICE_UNAVAILABLE', timeoutMs: 1_000 })]);
  await server.close();
});

it('ends with the reason of the signal', async () => {
  const server = await startPubsubServer();
  server.faults.calls.refuse('GetTopic', { code: status.UNAVAILABLE });
  const stop = new AbortController();
  const reason = new Error('stopped');
  const { logger } = recordingLogger(() => stop.abort(reason));
  const options = { projectId: PROJECT, emulatorHost: server.host, logger, signal: stop.signal };
  await expect(checkTopic(options, 'objects')).rejects.toBe(reason);
  expect(server.stats().calls['GetTopic']).toBe(1);
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
