import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodeSubfolderMessage, encodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import type { ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import { consumeMessages } from '@object-transfer/core/runtime/consume-messages';
import { SubfolderCounters } from '@object-transfer/worker/subfolders/subfolder-counters';
import { settleSubfolders, type SettleSubfoldersContext } from '@object-transfer/worker/subfolders/settle-subfolders';
import { never } from '../../fixtures/clouds.ts';
import { LEASE_MS } from './embedded-state.ts';
import { SubfolderRig } from './subfolder-rig.ts';

const TOPIC = 'subfolders';
const EMPTY = { waiting: 0, leased: 0, deadLettered: 0 };
const MAX_DELIVERIES = 3;
/** Longer than any delay before the next delivery. */
const LONG_MS = 600_001;
const SOMEBODY = 'somebody:2:00000000';

let rig: SubfolderRig;
beforeEach(async () => {
  rig = await SubfolderRig.start();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rig.close();
});

function settling(
  work: 'syncCheck' | 'rsync' = 'syncCheck',
  overrides: Partial<SettleSubfoldersContext> = {},
): SettleSubfoldersContext & { readonly counters: SubfolderCounters } {
  return {
    work,
    workOn: (dirKey, ...rest) =>
      work === 'syncCheck' ? rig.check(dirKey, {}, ...rest) : rig.repair(dirKey, {}, ...rest),
    stateStore: rig.state.stateStore,
    publisher: rig.state.queue,
    errorTopic: 'errors',
    counters: new SubfolderCounters(),
    logger: pino({ level: 'silent' }),
    maxDeliveries: MAX_DELIVERIES,
    ...overrides,
  };
}

async function publish(data: string, attributes: Record<string, string> = {}): Promise<ReceivedMessage> {
  await rig.state.queue.publish(TOPIC, [{ data, attributes }]);
  // The columns of a row have whole seconds: what is done from now on begins after the publishing.
  rig.state.advance(2000);
  return rig.state.pullOne(TOPIC);
}

function publishDirs(...dirKeys: readonly string[]): Promise<ReceivedMessage> {
  return publish(encodeSubfolderMessage(dirKeys));
}

/** Subfolders that are equal on both sides, with their rows. */
async function fill(...dirKeys: readonly string[]): Promise<void> {
  for (const dirKey of dirKeys) await rig.arrive(`${dirKey}x`, dirKey);
  await rig.state.stateStore.addSubfolders(dirKeys);
}

async function markPublished(target: 'syncCheck' | 'rsync'): Promise<void> {
  const leases = await rig.state.stateStore.claimSubfolders({ owner: 'p', leaseMs: LEASE_MS, limit: 10, target });
  for (const lease of leases) await rig.state.stateStore.confirmWorkPublished(lease, target);
}

function backlog(topic = TOPIC) {
  return rig.state.queue.backlog(topic);
}

/** Listings of a subfolder in S3 are refused. */
function failListing(dirKey: string, status: number): void {
  rig.clouds.break('s3', (request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    if (url.searchParams.get('prefix') !== `live/${dirKey}`) return false;
    response.writeHead(status).end();
    return true;
  });
}

/** Holds requests of a service back until it is opened. */
function gate(service: 's3' | 'cdn' | 'gcs') {
  const asked = Promise.withResolvers<void>();
  const opened = Promise.withResolvers<void>();
  rig.clouds.break(service, async () => {
    asked.resolve();
    await opened.promise;
    return false;
  });
  return { asked: asked.promise, open: () => opened.resolve() };
}

describe('a message', () => {
  test('is acked once its subfolders are compared, and not before', async () => {
    await fill('a/', 'b/');
    const message = await publishDirs('a/', 'b/');
    const held = gate('gcs');
    const context = settling();
    const settled = settleSubfolders(context, message, never);
    await held.asked;
    expect(await rig.row('a/')).toMatchObject({ syncCheckInProgress: true });
    expect(await backlog()).toEqual({ ...EMPTY, leased: 1 });
    held.open();
    await settled;
    expect(await backlog()).toEqual(EMPTY);
    for (const dirKey of ['a/', 'b/']) expect(await rig.status(dirKey)).toBe('verified');
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersDone: 2, subfoldersEqual: 2 });
  });

  test.each(['["a/","b/"]', '[["a/","b/"]]', '[["a/"]]', '{"v":2,"dirs":["a/","a/"]}'])(
    'of another shape is understood: %s',
    async (data) => {
      await fill('a/', 'b/');
      const context = settling();
      await settleSubfolders(context, await publish(data), never);
      expect(await backlog()).toEqual(EMPTY);
      expect((await rig.row('a/')).syncCheckFrequency).toBe(1);
      expect((await rig.row('b/')).syncCheckFrequency).toBe(data.includes('b/') ? 1 : 0);
    },
  );

  test('of the root is its row, and of a subfolder without a row nobody is kept waiting', async () => {
    await fill('');
    const context = settling();
    await settleSubfolders(context, await publishDirs('unheard-of/', ''), never);
    expect(await rig.status('')).toBe('verified');
    expect(await backlog()).toEqual(EMPTY);
    expect(await backlog('errors')).toEqual(EMPTY);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersDone: 1, subfoldersFailed: 0 });
  });

  test.each(['{"v":2,"dirs":[]}', 'a/', '[1]', '[[["a/"]]]', '{"v":3,"dirs":["a/"]}'])(
    'that nobody can use is set aside with the reason, and never comes back: %s',
    async (data) => {
      const context = settling();
      await settleSubfolders(context, await publish(data), never);
      expect(await backlog()).toEqual({ ...EMPTY, deadLettered: 1 });
      expect(context.counters.toRecord()).toMatchObject({ poisonMessages: 1, messages: 0 });
    },
  );

  test('whose lease was lost is counted only by whoever has it next', async () => {
    await fill('a/');
    const message = await publishDirs('a/');
    rig.state.advance(LEASE_MS);
    const again = await rig.state.pullOne(TOPIC);
    const loser = settling();
    await settleSubfolders(loser, message, never);
    expect(loser.counters.toRecord()).toEqual(new SubfolderCounters().toRecord());
    const requests = rig.listRequests;
    const context = settling();
    await settleSubfolders(context, again, never);
    expect(rig.listRequests).toBe(requests);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersSkipped: 1, subfoldersDone: 0 });
    expect(await backlog()).toEqual(EMPTY);
  });
});

describe.each(['syncCheck', 'rsync'] as const)('%s of a subfolder', (work) => {
  const frequency = async (dirKey: string) => {
    const row = await rig.row(dirKey);
    return work === 'syncCheck' ? row.syncCheckFrequency : row.rsyncFrequency;
  };

  test('that was done since its message was published is not done again', async () => {
    await fill('a/', 'b/');
    await rig.state.queue.publish(TOPIC, [{ data: encodeSubfolderMessage(['a/']) }]);
    await settleSubfolders(settling(work), await publishDirs('a/'), never);
    const requests = rig.listRequests;
    const context = settling(work);
    await settleSubfolders(context, await rig.state.pullOne(TOPIC), never);
    expect(rig.listRequests).toBe(requests);
    expect(await frequency('a/')).toBe(1);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersSkipped: 1, subfoldersDone: 0 });
    expect(await backlog()).toEqual(EMPTY);
  });

  test('that was done before its message was published is done again', async () => {
    await fill('a/');
    for (const times of [1, 2]) {
      await settleSubfolders(settling(work), await publishDirs('a/'), never);
      expect(await frequency('a/')).toBe(times);
    }
  });

  test('that failed since its message was published is done again', async () => {
    await fill('a/');
    await rig.state.queue.publish(TOPIC, [{ data: encodeSubfolderMessage(['a/']) }]);
    failListing('a/', 403);
    await settleSubfolders(settling(work), await publishDirs('a/'), never);
    rig.clouds.heal();
    await settleSubfolders(settling(work), await rig.state.pullOne(TOPIC), never);
    const { syncCheckError, rsyncError } = await rig.row('a/');
    expect({ syncCheckError, rsyncError }).toEqual({ syncCheckError: undefined, rsyncError: undefined });
    expect(await frequency('a/')).toBe(2);
  });

  test('on which somebody else is at work comes back after a while, without an error', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    await fill('a/', 'b/');
    await markPublished('syncCheck');
    const theirs = await rig.state.stateStore.startSyncCheck('a/', SOMEBODY, LEASE_MS);
    if (theirs === undefined) throw new Error('a/ is not free');
    const before = await rig.row('a/');
    const context = settling(work);
    await settleSubfolders(context, await publishDirs('a/', 'b/'), never);
    expect(await backlog()).toEqual({ ...EMPTY, waiting: 1 });
    expect(await rig.row('a/')).toEqual(before);
    expect(context.counters.toRecord()).toMatchObject({ messages: 0, subfoldersBusy: 1, subfoldersDone: 1 });
    await expect(rig.state.pullOne(TOPIC)).rejects.toThrow('no message');

    await rig.state.stateStore.releaseSyncCheck(theirs);
    rig.state.advance(7_500);
    const again = await rig.state.pullOne(TOPIC);
    expect(again.deliveryAttempt).toBe(2);
    await settleSubfolders(context, again, never);
    expect(await frequency('a/')).toBe(1);
    expect(await frequency('b/')).toBe(1);
    expect(await backlog()).toEqual(EMPTY);
    expect(await backlog('errors')).toEqual(EMPTY);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersDone: 2, subfoldersSkipped: 1 });
  });

  test('on which somebody is at work at every delivery is published once more', async () => {
    await fill('a/');
    await markPublished('syncCheck');
    rig.remove('a/x');
    await rig.check('a/');
    await markPublished('rsync');
    const context = settling(work);
    let message = await publishDirs('a/');
    await rig.state.stateStore.startRsync('a/', SOMEBODY, 10 * LONG_MS);
    for (let delivery = 1; delivery < MAX_DELIVERIES; delivery++) {
      await settleSubfolders(context, message, never);
      expect(await rig.row('a/')).toMatchObject({ syncCheckPublished: true, rsyncPublished: true });
      rig.state.advance(LONG_MS);
      message = await rig.state.pullOne(TOPIC);
    }
    await settleSubfolders(context, message, never);
    expect(await backlog()).toEqual(EMPTY);
    expect(await backlog('errors')).toEqual(EMPTY);
    expect(await rig.row('a/')).toMatchObject({
      syncCheckPublished: work === 'rsync',
      rsyncPublished: work === 'syncCheck',
      rsyncInProgress: true,
      syncCheckError: undefined,
      rsyncError: undefined,
    });
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersFailed: 0 });
  });

  test('that fails for now brings its message back; after the last delivery it has the error, and its topic', async () => {
    await fill('a/', 'b/');
    await rig.check('a/');
    const before = await rig.row('a/');
    failListing('a/', 503);
    const context = settling(work);
    let message = await publish(encodeSubfolderMessage(['a/', 'b/']), { attempt: '4' });
    for (let delivery = 1; delivery < MAX_DELIVERIES; delivery++) {
      await settleSubfolders(context, message, never);
      const now = await rig.row('a/');
      expect({ ...now, syncCheckLastStart: undefined, rsyncLastStart: undefined }).toEqual({
        ...before,
        syncCheckLastStart: undefined,
        rsyncLastStart: undefined,
      });
      expect(await backlog('errors')).toEqual(EMPTY);
      rig.state.advance(LONG_MS);
      message = await rig.state.pullOne(TOPIC);
      expect(message.deliveryAttempt).toBe(delivery + 1);
    }
    await settleSubfolders(context, message, never);
    expect(await backlog()).toEqual(EMPTY);
    const { syncCheckError, rsyncError, syncCheckInProgress, rsyncInProgress } = await rig.row('a/');
    expect({ syncCheckInProgress, rsyncInProgress }).toEqual({ syncCheckInProgress: false, rsyncInProgress: false });
    expect(work === 'syncCheck' ? syncCheckError : rsyncError).toMatch(/^SOURCE_UNAVAILABLE: /);
    expect(work === 'syncCheck' ? rsyncError : syncCheckError).toBeUndefined();

    const handedOn = await rig.state.pullOne('errors');
    expect(decodeSubfolderMessage(handedOn.data)).toEqual({ dirs: ['a/'] });
    expect(handedOn.attributes).toEqual({
      attempt: '7',
      code: 'SOURCE_UNAVAILABLE',
      message: expect.stringContaining('live/a/') as string,
    });
    expect(await frequency('b/')).toBe(1);
    expect(context.counters.toRecord()).toMatchObject({
      messages: 1,
      subfoldersDone: 1,
      subfoldersSkipped: MAX_DELIVERIES - 1,
      subfoldersFailed: 1,
    });
  });

  test('that fails for good has the error at once, and its neighbours are done', async () => {
    await fill('a/', 'b/');
    failListing('a/', 403);
    const context = settling(work);
    await settleSubfolders(context, await publishDirs('a/', 'b/'), never);
    expect(await backlog()).toEqual(EMPTY);
    expect((await rig.state.pullOne('errors')).attributes).toMatchObject({ attempt: '1', code: 'SOURCE_FORBIDDEN' });
    expect(await frequency('b/')).toBe(1);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersDone: 1, subfoldersFailed: 1 });
  });

  test('is handed back by a worker that is told to stop, and the row is free', async () => {
    await fill('a/');
    const before = await rig.row('a/');
    await publishDirs('a/').then((message) => message.nack());
    const held = gate('s3');
    const stop = new AbortController();
    const context = settling(work);
    const done = consumeMessages({
      subscription: rig.state.queue.subscribe(TOPIC),
      maxMessagesInFlight: 1,
      maxMessagesPerPull: 1,
      leaseMs: LEASE_MS,
      drainMs: 0,
      stop: stop.signal,
      logger: pino({ level: 'silent' }),
      handle: (message, signal) => settleSubfolders(context, message, signal),
    });
    await held.asked;
    stop.abort();
    await done;
    held.open();
    expect(await backlog()).toEqual({ ...EMPTY, waiting: 1 });
    const now = await rig.row('a/');
    expect({ ...now, syncCheckLastStart: undefined, rsyncLastStart: undefined }).toEqual(before);
    expect(await rig.state.stateStore.startRsync('a/', SOMEBODY, LEASE_MS)).toBeDefined();
    expect((await rig.state.pullOne(TOPIC)).data).toBe(encodeSubfolderMessage(['a/']));
    expect(context.counters.toRecord()).toEqual(new SubfolderCounters().toRecord());
  });

  test('that somebody else took over on the way is theirs, and its message comes back', async () => {
    await fill('a/');
    const held = gate('gcs');
    const context = settling(work);
    const settled = settleSubfolders(context, await publishDirs('a/'), never);
    await held.asked;
    rig.state.advance(LEASE_MS);
    const theirs = await rig.state.stateStore.startSyncCheck('a/', SOMEBODY, LONG_MS);
    expect(theirs).toBeDefined();
    const before = await rig.row('a/');
    held.open();
    await settled;
    expect(await rig.row('a/')).toEqual(before);
    // The lease of the message has run out with that of the row.
    expect(await backlog()).toEqual({ ...EMPTY, waiting: 1 });
    expect(await backlog('errors')).toEqual(EMPTY);
    expect(context.counters.toRecord()).toEqual(new SubfolderCounters().toRecord());
  });

  test('that a publisher still holds is begun as soon as it lets go', async () => {
    await fill('a/');
    const { stateStore } = rig.state;
    const request = { owner: 'p', leaseMs: LEASE_MS, limit: 1, target: 'syncCheck' } as const;
    const [lease] = await stateStore.claimSubfolders(request);
    if (lease === undefined) throw new Error('nothing to claim');
    const message = await publishDirs('a/');
    let looks = 0;
    const context = settling(work, {
      busyPollMs: 1,
      stateStore: {
        withdrawPublished: stateStore.withdrawPublished.bind(stateStore),
        getSubfolder: async (dirKey) => {
          if (++looks === 3) await stateStore.confirmWorkPublished(lease, 'syncCheck');
          return stateStore.getSubfolder(dirKey);
        },
      },
    });
    await settleSubfolders(context, message, never);
    expect(await frequency('a/')).toBe(1);
    expect(await rig.row('a/')).toMatchObject({ syncCheckPublished: true });
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersBusy: 0, subfoldersDone: 1 });
  });
});

describe('a message is left unsettled', () => {
  test('when the subfolders that failed cannot be handed on', async () => {
    await fill('a/');
    failListing('a/', 403);
    const publisher = { publish: () => Promise.reject(new Error('the topic is gone')) };
    const message = await publishDirs('a/');
    await expect(settleSubfolders(settling('syncCheck', { publisher }), message, never)).rejects.toThrow('is gone');
    expect(await backlog()).toEqual({ ...EMPTY, leased: 1 });
  });

  test('and is done anew by its next delivery, although its row has the error', async () => {
    await fill('a/');
    failListing('a/', 403);
    const publisher = { publish: () => Promise.reject(new Error('the topic is gone')) };
    const message = await publishDirs('a/');
    await expect(settleSubfolders(settling('syncCheck', { publisher }), message, never)).rejects.toThrow('is gone');
    await message.nack();
    await settleSubfolders(settling(), await rig.state.pullOne(TOPIC), never);
    expect((await rig.state.pullOne('errors')).attributes).toMatchObject({ code: 'SOURCE_FORBIDDEN', attempt: '2' });
    expect(await backlog()).toEqual(EMPTY);
  });
});

test('what is wrong with an object is counted', async () => {
  await fill('a/');
  rig.remove('a/x');
  rig.write('a/zulu', 'zulu');
  rig.write('a/y', 'other');
  rig.put('a/y', 'bytes');
  const context = settling();
  await settleSubfolders(context, await publishDirs('a/'), never);
  expect(context.counters.toRecord()).toMatchObject({
    subfoldersDone: 1,
    subfoldersEqual: 0,
    objectsMissing: 1,
    objectsDifferent: 1,
    objectsExtra: 1,
  });
});
