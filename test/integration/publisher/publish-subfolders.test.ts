import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateError } from '@object-transfer/core/domain/errors';
import { decodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import type { OutgoingMessage } from '@object-transfer/core/ports/message-queue';
import { publishSubfolders, type PublishSubfoldersOptions } from '@object-transfer/publisher/publish-subfolders';
import { startPublisherFixture, type PublisherFixture } from './publisher-fixture.ts';

const LEASE_MS = 60_000;
const TOPIC = 'subfolders';
const EQUAL: CheckFigures = {
  s3SizeBytes: 10,
  gcsSizeBytes: 10,
  s3ObjectCount: 2,
  gcsObjectCount: 2,
  missingCount: 0,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
};
const ABSENT: CheckFigures = { ...EQUAL, gcsSizeBytes: 0, gcsObjectCount: 0, missingCount: 2 };
const MISSING: CheckFigures = { ...EQUAL, gcsSizeBytes: 5, gcsObjectCount: 1, missingCount: 1 };
const EXTRA: CheckFigures = { ...EQUAL, gcsSizeBytes: 11, gcsObjectCount: 3, extraCount: 1 };

let fixture: PublisherFixture;
beforeEach(async () => {
  fixture = await startPublisherFixture();
});
afterEach(async () => {
  await fixture.close();
});

function options(changes: Partial<PublishSubfoldersOptions> = {}): PublishSubfoldersOptions {
  return {
    target: 'syncCheck',
    store: fixture.state.stateStore,
    publisher: fixture.state.queue,
    topic: TOPIC,
    maxMessagesPerBatch: 10,
    numSingleMessage: 1,
    owner: 'host:1:00000000',
    leaseMs: LEASE_MS,
    until: 'drained',
    signal: new AbortController().signal,
    ...changes,
  };
}

function publish(changes: Partial<PublishSubfoldersOptions> = {}) {
  return publishSubfolders(options(changes));
}

async function add(...dirKeys: readonly string[]): Promise<void> {
  await fixture.state.stateStore.addSubfolders(dirKeys);
}

/** Adds rows that were compared with these results. */
async function addCompared(rows: Readonly<Record<string, CheckFigures>>): Promise<void> {
  const { stateStore } = fixture.state;
  await add(...Object.keys(rows));
  for (const [dirKey, figures] of Object.entries(rows)) {
    const lease = await stateStore.startSyncCheck(dirKey, 'worker', LEASE_MS);
    if (lease === undefined) throw new Error(`${dirKey} is not free`);
    await stateStore.finishSyncCheck(lease, { figures });
  }
}

/** Takes everything off the queue: the subfolders of each message. */
async function takeMessages(): Promise<readonly (readonly string[])[]> {
  const subscription = fixture.state.queue.subscribe(TOPIC);
  const taken: (readonly string[])[] = [];
  const request = { maxMessages: 100, leaseMs: LEASE_MS, waitMs: 0, signal: new AbortController().signal };
  for (;;) {
    const messages = await subscription.pull(request);
    if (messages.length === 0) return taken;
    for (const message of messages) {
      taken.push(decodeSubfolderMessage(message.data).dirs);
      await message.ack();
    }
  }
}

async function takeDirs(): Promise<readonly string[]> {
  return (await takeMessages()).flat().toSorted();
}

async function publishedDirs(target: 'syncCheck' | 'rsync' = 'syncCheck'): Promise<readonly string[]> {
  const rows = await fixture.state.stateStore.listSubfolders(undefined, 1000);
  const marked = rows.filter((row) => (target === 'syncCheck' ? row.syncCheckPublished : row.rsyncPublished));
  return marked.map((row) => row.dirKey);
}

const NOTHING = { subfolders: 0, messages: 0, rechecked: 0, leasesLost: 0, leasedByOthers: 0 };

describe('in the form of the reference tool', () => {
  it('subfolders are an array, in which the root has no place: it travels alone', async () => {
    await add('', 'a/', 'b/', 'c/');
    expect(await publish({ messageFormat: 'reference', numSingleMessage: 2 })).toMatchObject({
      subfolders: 4,
      messages: 3,
    });
    const messages = await takeMessages();
    expect(messages.toSorted((x, y) => String(x).localeCompare(String(y)))).toEqual([[''], ['a/', 'b/'], ['c/']]);
  });
});

describe('publishing what is to be compared', () => {
  it('publishes each row once, the root with the others, and what has nothing at the destination again', async () => {
    await add('', 'a/', 'b/');
    await addCompared({ 'absent/': ABSENT, 'equal/': EQUAL, 'missing/': MISSING });
    expect(await publish()).toEqual({ ...NOTHING, subfolders: 4, messages: 4 });
    expect(await takeDirs()).toEqual(['', 'a/', 'absent/', 'b/']);
    expect(await publishedDirs()).toEqual(['', 'a/', 'absent/', 'b/']);
    expect(await publish()).toEqual(NOTHING);
    expect(await takeDirs()).toEqual([]);
  });

  it.each([
    [1, 10, 1],
    [4, 10, 4],
    [7, 1, 7],
    [150, 10, 150],
    [1000, 10, 200],
  ])('puts %d subfolders into a message, at most', async (numSingleMessage, maxMessagesPerBatch, largest) => {
    const dirKeys = Array.from({ length: 450 }, (_, i) => `${String(i).padStart(3, '0')}/`);
    await add(...dirKeys);
    let largestBatch = 0;
    const publisher = {
      publish: (topic: string, messages: readonly OutgoingMessage[]) => {
        largestBatch = Math.max(largestBatch, messages.length);
        return fixture.state.queue.publish(topic, messages);
      },
    };
    const { subfolders, messages } = await publish({ numSingleMessage, maxMessagesPerBatch, publisher });
    const taken = await takeMessages();
    expect(taken.flat().toSorted()).toEqual(dirKeys);
    expect(subfolders).toBe(450);
    expect(messages).toBe(taken.length);
    expect(Math.max(...taken.map((dirs) => dirs.length))).toBe(largest);
    expect(largestBatch).toBeLessThanOrEqual(maxMessagesPerBatch);
  });

  it('publishes nothing twice, however many publishers there are', async () => {
    const dirKeys = Array.from({ length: 300 }, (_, i) => `${String(i).padStart(3, '0')}/`);
    await add(...dirKeys);
    const results = await Promise.all(['1', '2', '3'].map((id) => publish({ owner: `host:${id}:00000000` })));
    expect(results.reduce((sum, { subfolders }) => sum + subfolders, 0)).toBe(300);
    expect(await takeDirs()).toEqual(dirKeys);
    expect(await publishedDirs()).toEqual(dirKeys);
  });

  it('publishes what one that died had published and not marked, when its lease has run out', async () => {
    await add('a/', 'b/', 'c/');
    const { stateStore, queue } = fixture.state;
    const dead = { owner: 'host:9:00000000', leaseMs: LEASE_MS, limit: 2, target: 'syncCheck' } as const;
    const claimed = (await stateStore.claimSubfolders(dead)).map(({ dirKey }) => dirKey);
    await queue.publish(
      TOPIC,
      claimed.map((dirKey) => ({ data: JSON.stringify({ v: 2, dirs: [dirKey] }) })),
    );
    expect(await publish()).toEqual({ ...NOTHING, subfolders: 1, messages: 1, leasedByOthers: 2 });
    expect(await takeDirs()).toEqual(['a/', 'b/', 'c/']);
    fixture.nowMs += LEASE_MS;
    expect(await publish()).toEqual({ ...NOTHING, subfolders: 2, messages: 2 });
    expect(await takeDirs()).toEqual(claimed.toSorted());
    expect(await publishedDirs()).toEqual(['a/', 'b/', 'c/']);
  });

  it('marks nothing once the lease is lost, and publishes it under a new one', async () => {
    await add('a/');
    let calls = 0;
    const publisher = {
      publish: async (topic: string, messages: readonly OutgoingMessage[]) => {
        await fixture.state.queue.publish(topic, messages);
        expect(await publishedDirs()).toEqual([]);
        if (++calls === 1) fixture.nowMs += LEASE_MS;
      },
    };
    expect(await publish({ publisher })).toEqual({ ...NOTHING, subfolders: 1, messages: 2, leasesLost: 1 });
    expect(await takeDirs()).toEqual(['a/', 'a/']);
    expect(await publishedDirs()).toEqual(['a/']);
  });

  it('rejects where the queue refuses, marks nothing and gives the leases back', async () => {
    await add('a/', 'b/');
    const full = new StateError('STATE_STORAGE_FULL', 'the disk is full', { op: 'publish' });
    await expect(publish({ publisher: { publish: () => Promise.reject(full) } })).rejects.toBe(full);
    expect(await publishedDirs()).toEqual([]);
    expect(await publish()).toMatchObject({ subfolders: 2 });
  });

  it('leaves alone what is being compared or repaired', async () => {
    await add('a/', 'b/', 'c/');
    await fixture.state.stateStore.startSyncCheck('a/', 'worker', LEASE_MS);
    await fixture.state.stateStore.startRsync('b/', 'worker', LEASE_MS);
    expect(await publish()).toMatchObject({ subfolders: 1, leasedByOthers: 2 });
    expect(await takeDirs()).toEqual(['c/']);
  });

  it('goes on looking until it is told to stop', async () => {
    await add('a/');
    const controller = new AbortController();
    const publisher = {
      publish: async (topic: string, messages: readonly OutgoingMessage[]) => {
        await fixture.state.queue.publish(topic, messages);
        if ((await fixture.state.stateStore.getSubfolder('b/')) === undefined) await add('b/');
        else controller.abort();
      },
    };
    const result = await publish({ until: 'stopped', pollMs: 1, publisher, signal: controller.signal });
    expect(result).toEqual({ ...NOTHING, subfolders: 2, messages: 2 });
    expect(await publishedDirs()).toEqual(['a/', 'b/']);
  });

  it('told to stop, marks what the queue has and claims no more', async () => {
    await add('a/', 'b/', 'c/');
    const controller = new AbortController();
    const publisher = {
      publish: async (topic: string, messages: readonly OutgoingMessage[]) => {
        await fixture.state.queue.publish(topic, messages);
        controller.abort();
      },
    };
    const { signal } = controller;
    expect(await publish({ maxMessagesPerBatch: 1, publisher, signal })).toMatchObject({ subfolders: 1 });
    expect(await publishedDirs()).toEqual(await takeDirs());
    expect(await publish()).toMatchObject({ subfolders: 2, leasedByOthers: 0 });
  });

  it('counts in a dry run what it would do, and does none of it', async () => {
    await add('a/', 'b/', 'c/');
    await addCompared({ 'equal/': EQUAL, 'missing/': MISSING });
    const changes = { numSingleMessage: 3, recheck: true };
    const counted = await publish({ ...changes, dryRun: true });
    expect(counted).toEqual({ ...NOTHING, subfolders: 5, messages: 2, rechecked: 2 });
    expect(await publishedDirs()).toEqual([]);
    expect(await takeDirs()).toEqual([]);
    fixture.nowMs += 1000;
    expect(await publish(changes)).toEqual(counted);
  });
});

it('a dry run that is told to stop rejects: half a count is none', async () => {
  await add('a/');
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(publish({ dryRun: true, signal })).rejects.toThrow('enough');
  expect(await publish({ signal })).toEqual(NOTHING);
});

describe('publishing what was compared before', () => {
  it('follows what is due, each row once, whatever was found', async () => {
    await addCompared({ '': EQUAL, 'equal/': EQUAL, 'missing/': MISSING });
    await add('new/');
    expect(await publish({ recheck: true })).toEqual({ ...NOTHING, subfolders: 4, messages: 4, rechecked: 3 });
    expect((await takeMessages()).flat()).toEqual(['new/', '', 'equal/', 'missing/']);
    expect(await publishedDirs()).toEqual(['new/']);
  });

  it('is done once by a publisher that goes on looking', async () => {
    await addCompared({ 'equal/': EQUAL });
    const controller = new AbortController();
    const publisher = {
      publish: async (topic: string, messages: readonly OutgoingMessage[]) => {
        await fixture.state.queue.publish(topic, messages);
        if ((await fixture.state.stateStore.getSubfolder('new/')) === undefined) await add('new/');
        else controller.abort();
      },
    };
    const { signal } = controller;
    const result = await publish({ recheck: true, until: 'stopped', pollMs: 1, publisher, signal });
    expect(result).toMatchObject({ subfolders: 2, rechecked: 1 });
    expect((await takeMessages()).flat()).toEqual(['equal/', 'new/']);
  });

  it('leaves alone what is being compared, and takes along what has nothing at the destination', async () => {
    await addCompared({ 'absent/': ABSENT, 'busy/': EQUAL, 'equal/': EQUAL });
    expect(await publish()).toMatchObject({ subfolders: 1 });
    await takeDirs();
    await fixture.state.stateStore.startSyncCheck('busy/', 'worker', LEASE_MS);
    expect(await publish({ recheck: true })).toMatchObject({ subfolders: 2, rechecked: 2 });
    expect(await takeDirs()).toEqual(['absent/', 'equal/']);
  });

  it('goes through more rows than one page, and stops when it is told to', async () => {
    const dirKeys = Array.from({ length: 620 }, (_, i) => `${String(i).padStart(3, '0')}/`);
    await addCompared(Object.fromEntries(dirKeys.map((dirKey) => [dirKey, EQUAL])));
    expect(await publish({ recheck: true, numSingleMessage: 50 })).toMatchObject({ rechecked: 620 });
    expect(await takeDirs()).toEqual(dirKeys);

    const controller = new AbortController();
    const publisher = {
      publish: async (topic: string, messages: readonly OutgoingMessage[]) => {
        await fixture.state.queue.publish(topic, messages);
        controller.abort();
      },
    };
    const { signal } = controller;
    expect(await publish({ recheck: true, publisher, signal })).toMatchObject({ subfolders: 10, rechecked: 10 });
    expect(await takeDirs()).toHaveLength(10);
  });
});

describe('publishing what is to be repaired', () => {
  const ROWS = { 'absent/': ABSENT, 'equal/': EQUAL, 'extra/': EXTRA, 'missing/': MISSING };

  it('publishes what is not equal, the wholly missing too', async () => {
    await add('new/');
    await addCompared(ROWS);
    expect(await publish({ target: 'rsync' })).toEqual({ ...NOTHING, subfolders: 2, messages: 2 });
    expect(await takeDirs()).toEqual(['absent/', 'missing/']);
    expect(await publishedDirs('rsync')).toEqual(['absent/', 'missing/']);
    expect(await publishedDirs('syncCheck')).toEqual([]);
    expect(await publish({ target: 'rsync' })).toEqual(NOTHING);
  });

  it('publishes what only the destination has where it is to be deleted', async () => {
    await addCompared(ROWS);
    expect(await publish({ target: 'rsync' })).toMatchObject({ subfolders: 2 });
    expect(await publish({ target: 'rsync', deleteExtra: true })).toMatchObject({ subfolders: 1 });
    expect(await takeDirs()).toEqual(['absent/', 'extra/', 'missing/']);
    expect(await publish({ target: 'rsync', deleteExtra: true })).toEqual(NOTHING);
  });

  it('publishes again what a repair did not make equal, as often as there may be repairs', async () => {
    await addCompared({ 'a/': MISSING });
    const { stateStore } = fixture.state;
    for (let attempt = 1; attempt <= 3; attempt++) {
      expect(await publish({ target: 'rsync' })).toMatchObject({ subfolders: 1 });
      const lease = await stateStore.startRsync('a/', 'worker', LEASE_MS);
      if (lease === undefined) throw new Error('a/ is not free');
      await stateStore.finishRsync(lease, { figures: MISSING }, 3);
    }
    expect(await publish({ target: 'rsync' })).toEqual(NOTHING);
    await stateStore.resetSubfolders('rsync', ['a/']);
    expect(await publish({ target: 'rsync' })).toMatchObject({ subfolders: 1 });
  });

  it.each([
    [false, 2],
    [true, 3],
  ])('counts in a dry run what it would do, with deletions %s', async (deleteExtra, subfolders) => {
    await addCompared(ROWS);
    const counted = await publish({ target: 'rsync', deleteExtra, dryRun: true });
    expect(counted).toEqual({ ...NOTHING, subfolders, messages: subfolders });
    expect(await publishedDirs('rsync')).toEqual([]);
    expect(await publish({ target: 'rsync', deleteExtra })).toEqual(counted);
  });
});
