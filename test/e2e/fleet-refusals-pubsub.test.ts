import { writeFile } from 'node:fs/promises';
import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectExitCode } from './command.ts';
import { naming, refusalOf, refused } from './fleet-refusal.ts';
import { configuredBy, Fleet, PROJECT } from './fleet.ts';
import { createTopic, pullFrom } from './pubsub-client.ts';
import { SOURCE_BUCKET } from './rehearsal.ts';
import {
  ENTITIES,
  ERROR_TOPIC,
  prepareFleet,
  putReferenceConfiguration,
  SUBSCRIPTION,
  TOPIC,
} from './reference-configuration.ts';

const DENIED = { code: status.PERMISSION_DENIED, details: 'User not authorized to perform this action.' };
const PUBLISHER = ['publisher', 'objects', ...configuredBy(ENTITIES.publisher)];
const WORKER = ['worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker)];
const BOTH = [...configuredBy(ENTITIES.publisher), ...configuredBy(ENTITIES.worker).slice(2)];

let fleet: Fleet;
/** Called before S3 answers a listing, with its query. */
let beforeListing: (query: URLSearchParams) => Promise<void> = () => Promise.resolve();
beforeAll(async () => {
  fleet = await Fleet.start({
    interceptS3: async ({ url = '' }) => {
      await beforeListing(new URL(url, 'http://s3').searchParams);
      return false;
    },
  });
  putReferenceConfiguration(fleet);
  expectExitCode(await fleet.command('prepare', ...BOTH), 0);
  fleet.rehearsal.source.put('photos/object', 'x');
});
afterEach(() => fleet.pubsub.faults.clear());
afterAll(() => fleet[Symbol.asyncDispose]());

describe('what Pub/Sub does not have is named, before anything is begun', () => {
  it('the topic of a publisher', async () => {
    const names = ['CONFIG_QUEUE_MISSING', `projects/${PROJECT}/topics/${TOPIC} is not there`, 'prepare --topics'];
    expect(await refused(fleet, PUBLISHER)).toMatch(naming(names));
  });

  it('the subscription and the error topic of a worker, both at once', async () => {
    const names = [
      `subscriptions/${SUBSCRIPTION} is not there`,
      `topics/${ERROR_TOPIC} is not there`,
      'prepare --topics',
    ];
    expect(await refused(fleet, WORKER)).toMatch(naming(names));
  });

  it('all that prepare may not create', async () => {
    fleet.pubsub.faults.calls.refuse('CreateTopic', DENIED);
    const names = [`projects/${PROJECT}/topics/${TOPIC}`, DENIED.details];
    expect(await refused(fleet, ['prepare', '--topics', ...BOTH])).toMatch(naming(names));
  });

  it('a subscription or an error topic that a flag names', async () => {
    await prepareFleet(fleet);
    const subscription = ['--pubsub-subscription-id', 'no-such-subscription'];
    expect(await refused(fleet, [...WORKER, ...subscription])).toMatch(
      naming([`${PROJECT}/subscriptions/no-such-subscription is not there`]),
    );
    const topic = ['--error-pubsub-topic-id', 'no-such-topic'];
    expect(await refused(fleet, [...WORKER, ...topic])).toMatch(
      naming([`projects/${PROJECT}/topics/no-such-topic is not there`]),
    );
  });
});

it('prepare says the second time that everything was there', async () => {
  await prepareFleet(fleet);
  const { stdout, stderr } = await prepareFleet(fleet);
  expect(stderr).toBe('');
  const [table, ...others] = stdout.trimEnd().split('\n');
  expect(table).toBe(`the table ${fleet.table} is up to date`);
  expect(others).toHaveLength(4);
  for (const line of others) expect(line).toMatch(/ was there already$/);
});

/** An entity, a table, a topic and objects of a test's own: two objects in each of the folders `a` and `b`. */
async function prepareOwn(name: string): Promise<{ readonly publisher: readonly string[]; readonly table: string }> {
  for (const key of ['a/1', 'a/2', 'b/1', 'b/2']) fleet.rehearsal.source.put(`${name}/${key}`, 'x');
  const table = `${fleet.table}_${name}`;
  fleet.putEntity(name, {
    mysql_table: table,
    s3_bucket: SOURCE_BUCKET,
    s3_root_prefix: name,
    pubsub_topic_id: name,
    pubsub_subscription_id: `${name}-sub`,
    error_pubsub_topic_id: ERROR_TOPIC,
    credentials_secret_id: 'object-transfer-credentials',
  });
  await writeFile(fleet.rehearsal.path(`${name}.json`), JSON.stringify(['a/', 'b/']));
  const prepare = ['prepare', ...configuredBy(name), '--prefixes', `${name}.json`, '--topics'];
  expectExitCode(await fleet.command(...prepare), 0);
  return { publisher: ['publisher', 'objects', ...configuredBy(name), '--json'], table };
}

function rowsOf(table: string): Promise<Record<string, unknown>[]> {
  const columns = 'dir_key, initial_transfer, cdn_transfer_published, lease_owner';
  return fleet.home.query(`SELECT ${columns} FROM ${table} WHERE dir_key != '' ORDER BY dir_key`);
}

const PUBLISHED = { initial_transfer: 0, cdn_transfer_published: 1, lease_owner: null };
const WAITING = { initial_transfer: 1, cdn_transfer_published: 0, lease_owner: null };

describe('a publisher', () => {
  it('that is denied in the middle ends and says so; run again it goes on with what is left', async () => {
    const { publisher, table } = await prepareOwn('denied');
    beforeListing = async (query) => {
      if (query.get('prefix') !== 'denied/b/') return;
      await vi.waitFor(async () => expect(await rowsOf(table)).toContainEqual({ dir_key: 'a/', ...PUBLISHED }), {
        timeout: 30_000,
      });
      fleet.pubsub.faults.calls.refuse('Publish', DENIED);
    };
    expect(refusalOf(await fleet.command(...publisher))).toMatch(
      naming([`projects/${PROJECT}/topics/denied`, DENIED.details]),
    );
    expect(await rowsOf(table)).toEqual([
      { dir_key: 'a/', ...PUBLISHED },
      { dir_key: 'b/', ...WAITING },
    ]);

    beforeListing = () => Promise.resolve();
    fleet.pubsub.faults.clear();
    const again = await fleet.command(...publisher);
    expectExitCode(again, 0);
    expect(JSON.parse(again.stdout)).toMatchObject({ subfolders: 1, objects: 2, messages: 1, failures: [] });
    expect(await keysOn('denied-sub', 2)).toEqual(['denied/a/1', 'denied/a/2', 'denied/b/1', 'denied/b/2']);
  });

  it('sits out a Pub/Sub that is away for a moment, and publishes everything', async () => {
    const { publisher, table } = await prepareOwn('away');
    fleet.pubsub.faults.calls.refuse('Publish', { code: status.UNAVAILABLE, times: 3 });
    const published = await fleet.command(...publisher);
    expectExitCode(published, 0);
    expect(JSON.parse(published.stdout)).toMatchObject({ objects: 4, messages: 2, failures: [] });
    expect(await rowsOf(table)).toEqual([
      { dir_key: 'a/', ...PUBLISHED },
      { dir_key: 'b/', ...PUBLISHED },
    ]);
    expect(await keysOn('away-sub', 2)).toEqual(['away/a/1', 'away/a/2', 'away/b/1', 'away/b/2']);
  });
});

/** The keys of so many messages. */
async function keysOn(subscription: string, messages: number): Promise<readonly string[]> {
  const pulled = await pullFrom(fleet, subscription, messages);
  const objects = pulled.flatMap(({ data }) => (JSON.parse(data) as { objects: { k: string }[] }).objects);
  return objects.map(({ k }) => k).toSorted();
}

it('a publisher is told that nobody has subscribed to its topic', async () => {
  const { publisher } = await prepareOwn('lonely');
  await createTopic(fleet, 'without-subscription');
  const published = await fleet.command(...publisher, '--pubsub-topic-id', 'without-subscription');
  expectExitCode(published, 0);
  expect(published.stderr).toContain(`projects/${PROJECT}/topics/without-subscription has no subscription`);
});

it('a worker that is denied in the middle ends and names the subscription', async () => {
  await prepareFleet(fleet);
  await using worker = fleet.start(...WORKER);
  await worker.waitForOutput('taking messages');
  fleet.pubsub.faults.calls.refuse('StreamingPull', DENIED);
  fleet.pubsub.dropStreams();
  const result = await worker.ended;
  expectExitCode(result, 2);
  expect(result.stderr).toMatch(
    new RegExp(`^error CONFIG_ACCESS_DENIED: .*projects/${PROJECT}/subscriptions/${SUBSCRIPTION}`, 'm'),
  );
  expect(result.stderr).toContain(DENIED.details);
  expect(result.stderr).not.toMatch(/^ {4}at /m);
});
