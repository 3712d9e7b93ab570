import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import { StateError } from '@object-transfer/core/domain/errors';
import type { OutgoingMessage } from '@object-transfer/core/ports/message-queue';
import { publishObjects, type PublishObjectsOptions } from '@object-transfer/publisher/publish-objects';
import { startPublisherFixture, TOPIC, type PublisherFixture } from './publisher-fixture.ts';

let fixture: PublisherFixture;

beforeEach(async () => {
  fixture = await startPublisherFixture();
});
afterEach(async () => {
  await fixture.close();
});

async function publish(changes: Partial<PublishObjectsOptions> = {}) {
  return publishObjects({ ...fixture.options, ...changes });
}

async function addSubfolders(...dirKeys: readonly string[]): Promise<void> {
  await fixture.state.stateStore.addSubfolders(dirKeys);
}

async function publishedDirs(): Promise<readonly string[]> {
  const rows = await fixture.state.stateStore.listSubfolders(undefined, 1000);
  return rows.filter((row) => row.cdnTransferPublished).map((row) => row.dirKey);
}

async function takeKeys(): Promise<readonly string[]> {
  const messages = await fixture.takeMessages();
  return messages.flatMap((message) => message.objects.map(({ key }) => key)).toSorted();
}

/** Answers listings of a prefix, from the given page on, as S3 does for those who may not list. */
function denyListing(prefix: string, fromPage = 1): { readonly requests: () => number } {
  let requests = 0;
  fixture.intercept = (request, response) => {
    const url = new URL(request.url ?? '', fixture.s3.url);
    if (url.searchParams.get('prefix') !== prefix) return false;
    requests += 1;
    if (requests < fromPage) return false;
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>');
    return true;
  };
  return { requests: () => requests };
}

describe('publishObjects', () => {
  it('writes the arrays of the reference tool where that is asked for', async () => {
    await addSubfolders('a/');
    fixture.bucket.put('photos/a/1', 'x');
    fixture.bucket.put('photos/a/2', 'y');
    await publish({ messageFormat: 'reference' });
    const [message] = await fixture.state.queue.subscribe(fixture.options.topic).pull({
      maxMessages: 1,
      leaseMs: 60_000,
      waitMs: 0,
      signal: new AbortController().signal,
    });
    expect(message?.data).toBe('["photos/a/1","photos/a/2"]');
  });

  it('publishes size and ETag of every object, and marks the subfolder with its counts', async () => {
    const cat = fixture.bucket.put('photos/2019/cat.jpg', 'miau');
    const dog = fixture.bucket.put('photos/2019/deep/er/dog é+.jpg', 'wuff!');
    const marker = fixture.bucket.put('photos/2019/', '');
    await addSubfolders('2019/');
    expect(await publish()).toEqual({
      subfolders: 1,
      objects: 3,
      bytes: 9,
      messages: 1,
      filtered: 0,
      archived: 0,
      leasesLost: 0,
      failures: [],
      leasedByOthers: 0,
    });
    const [message] = await fixture.takeMessages();
    expect(message?.dir).toBe('2019/');
    expect(message?.objects.map(({ expected }) => expected)).toEqual([
      { key: 'photos/2019/', sizeBytes: 0, etag: marker.etag },
      { key: 'photos/2019/cat.jpg', sizeBytes: 4, etag: cat.etag },
      { key: 'photos/2019/deep/er/dog é+.jpg', sizeBytes: 5, etag: dog.etag },
    ]);
    expect(await fixture.state.stateStore.getSubfolder('2019/')).toMatchObject({
      initialTransfer: false,
      cdnTransferPublished: true,
      objectsPublished: 3,
      bytesPublished: 9,
    });
  });

  it("publishes for the root's row only what lies directly under the root", async () => {
    for (const key of ['photos/', 'photos/cat.jpg', 'photos/a/1', 'photos/b/2', 'other']) fixture.bucket.put(key, 'x');
    await addSubfolders('', 'a/');
    expect(await publish()).toMatchObject({ subfolders: 2, objects: 3 });
    expect(await takeKeys()).toEqual(['photos/', 'photos/a/1', 'photos/cat.jpg']);
  });

  it('lists beyond one page, in batches for which the queue has room', async () => {
    for (let index = 0; index < 2503; index++) fixture.bucket.put(`photos/a/${index}`, 'x');
    await addSubfolders('a/');
    const events: string[] = [];
    const published: number[] = [];
    const result = await publish({
      maxMessagesPerBatch: 20,
      publisher: {
        publish: (topic: string, messages: readonly OutgoingMessage[]) => {
          events.push(`${topic} ${messages.length}`);
          return fixture.state.queue.publish(topic, messages);
        },
      },
      waitForRoom: () => {
        events.push('room?');
        return Promise.resolve();
      },
      onPublished: (objects) => published.push(objects),
    });
    expect(result).toMatchObject({ objects: 2503, messages: 51 });
    expect(events).toEqual(['room?', 'objects 20', 'room?', 'objects 20', 'room?', 'objects 11']);
    expect(published).toEqual([1000, 1000, 503]);
    expect(new Set(await takeKeys()).size).toBe(2503);
  });

  it('leaves out what the filter leaves out, and reports what is archived', async () => {
    fixture.bucket.put('photos/a/1.jpg', 'x');
    fixture.bucket.put('photos/a/2.tmp', 'x');
    fixture.bucket.put('photos/a/3.jpg', 'x', { attributes: { storageClass: 'DEEP_ARCHIVE' } });
    fixture.bucket.put('photos/a/4.tmp', 'x', { attributes: { storageClass: 'GLACIER' } });
    await addSubfolders('a/');
    const filter = createObjectFilter({ storageClasses: [], include: [], exclude: ['**/*.tmp'] }, 'photos/');
    const selection = { ...fixture.options.selection, filter };
    expect(await publish({ selection })).toMatchObject({ subfolders: 1, objects: 1, filtered: 2, archived: 1 });
    expect(await takeKeys()).toEqual(['photos/a/1.jpg']);
    expect(await fixture.state.stateStore.listOpenObjectErrors({ limit: 10 })).toMatchObject([
      { dirKey: 'a/', key: 'photos/a/3.jpg', code: 'SOURCE_ARCHIVED' },
    ]);
  });

  it('marks an empty subfolder as published', async () => {
    await addSubfolders('gone/');
    expect(await publish()).toMatchObject({ subfolders: 1, objects: 0, messages: 0 });
    expect(await publishedDirs()).toEqual(['gone/']);
  });

  it('publishes nothing twice, however many publishers there are', async () => {
    const dirKeys = Array.from({ length: 30 }, (_, index) => `${index}/`);
    for (const dirKey of dirKeys) fixture.bucket.put(`photos/${dirKey}x`, 'x');
    await addSubfolders(...dirKeys);
    const results = await Promise.all([publish(), publish({ owner: 'host:2:00000000' })]);
    expect(results.reduce((sum, { subfolders }) => sum + subfolders, 0)).toBe(30);
    expect(await takeKeys()).toEqual(dirKeys.map((dirKey) => `photos/${dirKey}x`).toSorted());
  });

  it('reports a subfolder that cannot be listed, goes on with the others and gives the lease back', async () => {
    for (const key of ['photos/a/1', 'photos/bad/1', 'photos/c/1']) fixture.bucket.put(key, 'x');
    await addSubfolders('a/', 'bad/', 'c/');
    const denied = denyListing('photos/bad/');
    const result = await publish();
    expect(result).toMatchObject({ subfolders: 2, objects: 2 });
    expect(result.failures).toMatchObject([{ dirKey: 'bad/', code: 'SOURCE_FORBIDDEN' }]);
    expect(denied.requests()).toBe(1);
    expect(await publishedDirs()).toEqual(['a/', 'c/']);

    fixture.intercept = undefined;
    expect(await publish()).toMatchObject({ subfolders: 1, objects: 1, failures: [] });
    expect(await publishedDirs()).toEqual(['a/', 'bad/', 'c/']);
  });

  it('marks nothing where a listing fails half-way', async () => {
    for (let index = 0; index < 1500; index++) fixture.bucket.put(`photos/a/${index}`, 'x');
    await addSubfolders('a/');
    denyListing('photos/a/', 2);
    const result = await publish();
    expect(result).toMatchObject({ subfolders: 0, failures: [{ dirKey: 'a/' }] });
    expect(result.objects).toBeGreaterThan(0);
    expect(await publishedDirs()).toEqual([]);
  });

  it('ends where a failed subfolder comes back because its lease ran out', async () => {
    fixture.bucket.put('photos/z/1', 'x');
    await addSubfolders('bad/', 'z/');
    const denied = denyListing('photos/bad/');
    const result = await publish({
      parallel: 1,
      onProgress: ({ subfolders }) => {
        if (subfolders === 1) fixture.nowMs += 61_000;
      },
    });
    expect(denied.requests()).toBe(1);
    expect(result.failures).toMatchObject([{ dirKey: 'bad/' }]);
    expect(await publishedDirs()).toEqual(['z/']);
  });

  it('rejects where the queue refuses, marks nothing and gives the lease back', async () => {
    fixture.bucket.put('photos/a/1', 'x');
    await addSubfolders('a/');
    const full = new StateError('STATE_STORAGE_FULL', 'the disk is full', { op: 'publish' });
    const publisher = { publish: () => Promise.reject(full) };
    await expect(publish({ publisher })).rejects.toBe(full);
    expect(await publishedDirs()).toEqual([]);
    expect(await publish()).toMatchObject({ subfolders: 1 });
  });

  it('rejects where there is no bucket, and gives the lease back', async () => {
    await addSubfolders('a/');
    fixture.intercept = (_, response) => {
      response.writeHead(404, { 'content-type': 'application/xml' });
      response.end('<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>');
      return true;
    };
    await expect(publish()).rejects.toMatchObject({ code: 'CONFIG_BUCKET_MISSING' });
    fixture.intercept = undefined;
    expect(await publish()).toMatchObject({ subfolders: 1 });
  });

  it('marks nothing once the lease is lost', async () => {
    fixture.bucket.put('photos/a/1', 'x');
    await addSubfolders('a/');
    const result = await publish({
      waitForRoom: async () => {
        fixture.nowMs += 61_000;
        const request = { owner: 'host:2:00000000', leaseMs: 60_000, limit: 1 };
        expect(await fixture.state.stateStore.claimSubfolders(request)).toHaveLength(1);
      },
    });
    expect(result).toMatchObject({ subfolders: 0, leasesLost: 1, failures: [] });
    expect(await publishedDirs()).toEqual([]);
  });

  it('reports nothing as archived once the lease is lost', async () => {
    fixture.bucket.put('photos/a/1', 'x', { attributes: { storageClass: 'GLACIER' } });
    await addSubfolders('a/');
    fixture.intercept = async () => {
      fixture.intercept = undefined;
      fixture.nowMs += 61_000;
      const request = { owner: 'host:2:00000000', leaseMs: 60_000, limit: 1 };
      expect(await fixture.state.stateStore.claimSubfolders(request)).toHaveLength(1);
      return false;
    };
    expect(await publish()).toMatchObject({ subfolders: 0, leasesLost: 1, failures: [] });
    expect(await fixture.state.stateStore.listOpenObjectErrors({ limit: 10 })).toEqual([]);
  });

  it('tells how many waiting subfolders others held when it ended', async () => {
    await addSubfolders('a/', 'b/', 'c/', 'd/');
    denyListing('photos/c/');
    const { stateStore } = fixture.state;
    await stateStore.claimSubfolders({ owner: 'host:2:00000000', leaseMs: 60_000, limit: 2 });
    const result = await publish();
    expect(result).toMatchObject({ subfolders: 1, leasedByOthers: 2 });
    expect(result.failures).toMatchObject([{ dirKey: 'c/' }]);
    fixture.intercept = undefined;
    fixture.nowMs += 60_000;
    expect(await publish()).toMatchObject({ subfolders: 3, leasedByOthers: 0 });
  });

  it('waits for what others hold, and publishes what a dead one has left', async () => {
    await addSubfolders('a/', 'b/', 'c/');
    const { stateStore } = fixture.state;
    await stateStore.claimSubfolders({ owner: 'host:2:00000000', leaseMs: 60_000, limit: 2 });
    const waited: number[] = [];
    const result = await publish({
      waitForOthersMs: 60_000,
      pollMs: 1,
      onWaiting: (held) => {
        waited.push(held);
        fixture.nowMs += 60_000;
      },
    });
    expect(waited).toEqual([2]);
    expect(result).toMatchObject({ subfolders: 3, leasedByOthers: 0 });
  });

  it('ends the waiting where a living one has published what it held', async () => {
    await addSubfolders('a/', 'b/');
    const { stateStore } = fixture.state;
    const [held] = await stateStore.claimSubfolders({ owner: 'host:2:00000000', leaseMs: 60_000, limit: 1 });
    if (held === undefined) throw new Error('nothing to claim');
    const result = await publish({
      waitForOthersMs: 60_000,
      pollMs: 1,
      onWaiting: () => void stateStore.confirmPublished(held, { objects: 0, bytes: 0 }),
    });
    expect(result).toMatchObject({ subfolders: 1, leasedByOthers: 0 });
  });

  it('waits no longer than it is told for what a living one holds on to', async () => {
    await addSubfolders('a/', 'b/');
    const { stateStore } = fixture.state;
    await stateStore.claimSubfolders({ owner: 'host:2:00000000', leaseMs: 60_000, limit: 1 });
    expect(await publish({ waitForOthersMs: 20, pollMs: 1 })).toMatchObject({ subfolders: 1, leasedByOthers: 1 });
  });

  it('waits for nobody where all that is held is its own, which could not be listed', async () => {
    await addSubfolders('bad/');
    denyListing('photos/bad/');
    const result = await publish({
      waitForOthersMs: 60_000,
      onWaiting: () => expect.unreachable('nobody else holds anything'),
    });
    expect(result).toMatchObject({ subfolders: 0, leasedByOthers: 0, failures: [{ dirKey: 'bad/' }] });
  });

  it('does not let a failed subfolder that comes back keep others from being published', async () => {
    await addSubfolders('bad/', 'z/');
    denyListing('photos/bad/');
    const { stateStore } = fixture.state;
    await stateStore.claimSubfolders({ owner: 'host:2:00000000', leaseMs: 120_000, limit: 2 });
    fixture.nowMs += 120_000;
    const result = await publish({
      parallel: 1,
      onProgress: ({ subfolders }) => {
        if (subfolders === 0) fixture.nowMs += 61_000;
      },
    });
    expect(result).toMatchObject({ subfolders: 1, failures: [{ dirKey: 'bad/' }] });
    expect(await publishedDirs()).toEqual(['z/']);
  });

  it('stops waiting when it is told to stop', async () => {
    await addSubfolders('a/', 'b/');
    await fixture.state.stateStore.claimSubfolders({ owner: 'host:2:00000000', leaseMs: 60_000, limit: 1 });
    const controller = new AbortController();
    const { signal } = controller;
    const result = await publish({ waitForOthersMs: 60_000, signal, onWaiting: () => controller.abort() });
    expect(result).toMatchObject({ subfolders: 1, leasedByOthers: 1 });
  });

  it('hands back what it holds when it is told to stop', async () => {
    fixture.bucket.put('photos/a/1', 'x');
    await addSubfolders('a/', 'b/');
    const controller = new AbortController();
    const stopped = await publish({
      signal: controller.signal,
      parallel: 1,
      waitForRoom: () => {
        controller.abort();
        return Promise.resolve();
      },
    });
    expect(stopped).toMatchObject({ subfolders: 0, objects: 0, failures: [] });
    expect(await publishedDirs()).toEqual([]);
    expect(await takeKeys()).toEqual([]);
    expect(await publish()).toMatchObject({ subfolders: 2, objects: 1 });
  });

  it('goes on looking for subfolders until it is told to stop', async () => {
    const controller = new AbortController();
    await addSubfolders('a/');
    const result = await publish({
      until: 'stopped',
      pollMs: 1,
      signal: controller.signal,
      onProgress: ({ subfolders }) => {
        if (subfolders === 2) controller.abort();
        else void fixture.state.stateStore.addSubfolders(['b/']);
      },
    });
    expect(result).toMatchObject({ subfolders: 2 });
  });

  it('tries a failed subfolder again when its lease has run out, until it is told to stop', async () => {
    const controller = new AbortController();
    await addSubfolders('bad/');
    denyListing('photos/bad/');
    const result = await publish({
      until: 'stopped',
      pollMs: 1,
      signal: controller.signal,
      onProgress: ({ subfolders }) => {
        fixture.intercept = undefined;
        fixture.nowMs += 61_000;
        if (subfolders === 1) controller.abort();
      },
    });
    expect(result).toMatchObject({ subfolders: 1, failures: [] });
  });

  it('counts in a dry run what it would do, and does none of it', async () => {
    fixture.bucket.put('photos/a/1', 'xx');
    fixture.bucket.put('photos/a/2', 'x', { attributes: { storageClass: 'GLACIER' } });
    await addSubfolders('', 'a/', 'bad/', 'done/');
    denyListing('photos/bad/');
    const [done] = await fixture.state.stateStore.claimSubfolders({ owner: 'x', leaseMs: 1000, limit: 1 });
    if (done === undefined) throw new Error('nothing to claim');
    await fixture.state.stateStore.confirmPublished(done, { objects: 0, bytes: 0 });
    const result = await publish({ dryRun: true });
    expect(result).toMatchObject({ subfolders: 2, objects: 1, bytes: 2, messages: 1, archived: 1 });
    expect(result.failures).toMatchObject([{ dirKey: 'bad/', code: 'SOURCE_FORBIDDEN' }]);
    expect(await publishedDirs()).toEqual([done.dirKey]);
    expect(await fixture.state.queue.backlog(TOPIC)).toMatchObject({ waiting: 0 });
    expect(await fixture.state.stateStore.listOpenObjectErrors({ limit: 10 })).toEqual([]);
  });
});
