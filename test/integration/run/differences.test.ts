import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import type { SourceObject } from '@object-transfer/core/domain/source-object';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { DifferenceHandler, type DifferenceContext } from '@object-transfer/run/difference-handler';
import { DESTINATION_BUCKET, never } from '../../fixtures/clouds.ts';
import { MigrationRig } from './migration-rig.ts';

let rig: MigrationRig;
let state: EmbeddedState;
beforeEach(async () => {
  rig = await MigrationRig.start();
  state = await rig.openState();
});
afterEach(async () => {
  await state.close();
  await rig.close();
});

test('with overwrite: never, what is different is recorded, and nothing is read, written or published again', async () => {
  const { clouds } = rig;
  clouds.put('folder/different', 'source');
  clouds.gcs.objects.put(DESTINATION_BUCKET, 'folder/different', 'destination');
  const before = clouds.gcs.objects.resource(DESTINATION_BUCKET, 'folder/different');
  const report = await rig.migrate({ overwrite: 'never' });
  expect(report).toMatchObject({ objects: { listed: 1, transferred: 0, skipped: 0, failed: 1 }, verified: false });
  expect(report.failures).toMatchObject([{ key: 'folder/different', code: 'CHECK_DIFFERENT' }]);
  expect(rig.rounds).toBe(1);
  expect(clouds.cdn.stats.requests).toBe(0);
  expect(clouds.gcs.objects.resource(DESTINATION_BUCKET, 'folder/different')).toEqual(before);

  // Once it is gone from there, the next run has it, and its error is over.
  clouds.gcs.objects.remove(DESTINATION_BUCKET, 'folder/different');
  expect(await rig.migrate({ overwrite: 'never' })).toMatchObject({ verified: true, failures: [] });
});

test('an object that failed for good is not published again in the same run, but in the next', async () => {
  const { clouds } = rig;
  clouds.put('folder/refused', 'source');
  clouds.break('cdn', (_request, response) => {
    response.writeHead(403).end();
    return true;
  });
  const report = await rig.migrate();
  expect(report).toMatchObject({ objects: { listed: 1, transferred: 0, failed: 1 }, verified: false });
  expect(report.failures).toMatchObject([{ key: 'folder/refused', code: 'SOURCE_FORBIDDEN' }]);
  expect(rig.rounds).toBe(1);

  clouds.heal();
  expect(await rig.migrate()).toMatchObject({ objects: { transferred: 1, failed: 0 }, verified: true, failures: [] });
});

test(
  'more differences than the queue has room for are worked off while subfolders are compared',
  { timeout: 30_000 },
  async () => {
    const { clouds } = rig;
    const keys = ['a', 'b', 'c', 'd'].flatMap((folder) => [1, 2, 3, 4].map((index) => `${folder}/${index}`));
    for (const key of keys) clouds.put(key, key);
    const settings = { packing: { maxObjects: 1, maxBytes: 2 ** 30 }, maxWaitingMessages: 2 };
    expect(await rig.migrate(settings)).toMatchObject({ verified: true });
    for (const key of keys) clouds.gcs.objects.remove(DESTINATION_BUCKET, key);
    expect(await rig.migrate(settings)).toMatchObject({
      objects: { listed: 16, transferred: 16, skipped: 0, failed: 0 },
      verified: true,
    });
    expect(rig.rounds).toBe(2);
  },
);

function source(key: string, sizeBytes: number): SourceObject {
  return { key, sizeBytes, etag: '0'.repeat(32), lastModified: new Date(0), storageClass: 'STANDARD' };
}

/** Handles missing objects. @returns the keys of each message that is on the queue afterwards */
async function publishMissing(
  packing: DifferenceContext['packing'],
  objects: Iterable<SourceObject>,
): Promise<readonly (readonly string[])[]> {
  const published = { objects: 0, bytes: 0 };
  const handler = await DifferenceHandler.open(
    {
      stateStore: state.stateStore,
      publisher: state.queue,
      objectTopic: 'objects',
      packing,
      mapping: { s3RootPrefix: '', gcsRootPrefix: '' },
      overwrite: 'if-different',
      runStartedAt: new Date(),
      republish: true,
      waitForRoom: () => Promise.resolve(),
      onPublished: (count, bytes) => {
        published.objects += count;
        published.bytes += bytes;
      },
    },
    'folder/',
  );
  let bytes = 0;
  for (const object of objects) {
    bytes += object.sizeBytes;
    await handler.handle({ kind: 'missing', source: object });
  }
  await handler.finish(true);
  const messages: string[][] = [];
  const subscription = state.queue.subscribe('objects');
  for (;;) {
    const pulled = await subscription.pull({ maxMessages: 100, leaseMs: 60_000, waitMs: 0, signal: never });
    if (pulled.length === 0) break;
    for (const { data } of pulled) messages.push(decodeObjectMessage(data).objects.map(({ key }) => key));
  }
  expect(published).toEqual({ objects: messages.flat().length, bytes });
  expect(handler.republished).toBe(published.objects);
  return messages;
}

describe('differences that are published again', () => {
  test('share a message up to the number of objects', async () => {
    const objects = ['a', 'b', 'c', 'd', 'e'].map((key) => source(key, 1));
    expect(await publishMissing({ maxObjects: 2, maxBytes: 1000 }, objects)).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });

  test('share a message up to the number of bytes; a larger object travels alone', async () => {
    const objects = [source('a', 40), source('b', 60), source('c', 1), source('d', 5000), source('e', 1)];
    expect(await publishMissing({ maxObjects: 50, maxBytes: 100 }, objects)).toEqual([['a', 'b'], ['c'], ['d'], ['e']]);
  });

  test.each([
    ['as long as keys get', 'k'],
    ['whose characters JSON writes as six', '\u0001'],
  ])('fit into messages with 10,000 keys %s', async (_what, character) => {
    const objects = Array.from({ length: 10_000 }, (_, index) => source(String(index).padStart(1024, character), 1));
    const messages = await publishMissing({ maxObjects: 10_000, maxBytes: 2 ** 40 }, objects);
    expect(messages.flat()).toEqual(objects.map(({ key }) => key));
  });
});
