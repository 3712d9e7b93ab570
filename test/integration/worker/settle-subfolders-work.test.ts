import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { decodeSubfolderMessage, encodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import { consumeMessages } from '@object-transfer/core/runtime/consume-messages';
import { SubfolderCounters } from '@object-transfer/worker/subfolders/subfolder-counters';
import { settleSubfolders } from '@object-transfer/worker/subfolders/settle-subfolders';
import { never } from '../../fixtures/clouds.ts';
import { LEASE_MS } from './embedded-state.ts';
import { EMPTY_BACKLOG, MAX_DELIVERIES, SettlingRig, TOPIC } from './settling-rig.ts';
import type { SubfolderRig } from './subfolder-rig.ts';

/** Longer than any delay before the next delivery. */
const LONG_MS = 600_001;
const SOMEBODY = 'somebody:2:00000000';

let settler: SettlingRig;
let rig: SubfolderRig;
beforeEach(async () => {
  settler = await SettlingRig.start();
  ({ rig } = settler);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rig.close();
});

describe.each(['syncCheck', 'rsync'] as const)('%s of a subfolder', (work) => {
  const frequency = async (dirKey: string) => {
    const row = await rig.row(dirKey);
    return work === 'syncCheck' ? row.syncCheckFrequency : row.rsyncFrequency;
  };

  test('that was done since its message was published is not done again', async () => {
    await settler.fill('a/', 'b/');
    await rig.state.queue.publish(TOPIC, [{ data: encodeSubfolderMessage(['a/']) }]);
    await settleSubfolders(settler.settling(work), await settler.publishDirs('a/'), never);
    const requests = rig.listRequests;
    const context = settler.settling(work);
    await settleSubfolders(context, await rig.state.pullOne(TOPIC), never);
    expect(rig.listRequests).toBe(requests);
    expect(await frequency('a/')).toBe(1);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersSkipped: 1, subfoldersDone: 0 });
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
  });

  test('that was done before its message was published is done again', async () => {
    await settler.fill('a/');
    for (const times of [1, 2]) {
      await settleSubfolders(settler.settling(work), await settler.publishDirs('a/'), never);
      expect(await frequency('a/')).toBe(times);
    }
  });

  test('that failed since its message was published is done again', async () => {
    await settler.fill('a/');
    await rig.state.queue.publish(TOPIC, [{ data: encodeSubfolderMessage(['a/']) }]);
    settler.failListing('a/', 403);
    await settleSubfolders(settler.settling(work), await settler.publishDirs('a/'), never);
    rig.clouds.heal();
    await settleSubfolders(settler.settling(work), await rig.state.pullOne(TOPIC), never);
    const { syncCheckError, rsyncError } = await rig.row('a/');
    expect({ syncCheckError, rsyncError }).toEqual({ syncCheckError: undefined, rsyncError: undefined });
    expect(await frequency('a/')).toBe(2);
  });

  test('on which somebody else is at work comes back after a while, without an error', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    await settler.fill('a/', 'b/');
    await settler.markPublished('syncCheck');
    const theirs = await rig.state.stateStore.startSyncCheck('a/', SOMEBODY, LEASE_MS);
    if (theirs === undefined) throw new Error('a/ is not free');
    const before = await rig.row('a/');
    const context = settler.settling(work);
    await settleSubfolders(context, await settler.publishDirs('a/', 'b/'), never);
    expect(await settler.backlog()).toEqual({ ...EMPTY_BACKLOG, waiting: 1 });
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
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
    expect(await settler.backlog('errors')).toEqual(EMPTY_BACKLOG);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersDone: 2, subfoldersSkipped: 1 });
  });

  test('on which somebody is at work at every delivery is published once more', async () => {
    await settler.fill('a/');
    await settler.markPublished('syncCheck');
    rig.remove('a/x');
    await rig.check('a/');
    await settler.markPublished('rsync');
    const context = settler.settling(work);
    let message = await settler.publishDirs('a/');
    await rig.state.stateStore.startRsync('a/', SOMEBODY, LEASE_MS);
    for (let delivery = 1; delivery < MAX_DELIVERIES; delivery++) {
      await settleSubfolders(context, message, never);
      expect(await rig.row('a/')).toMatchObject({ syncCheckPublished: true, rsyncPublished: true });
      rig.state.advance(LONG_MS);
      await rig.state.stateStore.startRsync('a/', SOMEBODY, LEASE_MS);
      message = await rig.state.pullOne(TOPIC);
    }
    await settleSubfolders(context, message, never);
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
    expect(await settler.backlog('errors')).toEqual(EMPTY_BACKLOG);
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
    await settler.fill('a/', 'b/');
    await rig.check('a/');
    const before = await rig.row('a/');
    settler.failListing('a/', 503);
    const context = settler.settling(work);
    let message = await settler.publish(encodeSubfolderMessage(['a/', 'b/']), { attempt: '4' });
    for (let delivery = 1; delivery < MAX_DELIVERIES; delivery++) {
      await settleSubfolders(context, message, never);
      const now = await rig.row('a/');
      expect({ ...now, syncCheckLastStart: undefined, rsyncLastStart: undefined }).toEqual({
        ...before,
        syncCheckLastStart: undefined,
        rsyncLastStart: undefined,
      });
      expect(await settler.backlog('errors')).toEqual(EMPTY_BACKLOG);
      rig.state.advance(LONG_MS);
      message = await rig.state.pullOne(TOPIC);
      expect(message.deliveryAttempt).toBe(delivery + 1);
    }
    await settleSubfolders(context, message, never);
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
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
    await settler.fill('a/', 'b/');
    settler.failListing('a/', 403);
    const context = settler.settling(work);
    await settleSubfolders(context, await settler.publishDirs('a/', 'b/'), never);
    expect(await settler.backlog()).toEqual(EMPTY_BACKLOG);
    expect((await rig.state.pullOne('errors')).attributes).toMatchObject({ attempt: '1', code: 'SOURCE_FORBIDDEN' });
    expect(await frequency('b/')).toBe(1);
    expect(context.counters.toRecord()).toMatchObject({ messages: 1, subfoldersDone: 1, subfoldersFailed: 1 });
  });

  test('is handed back by a worker that is told to stop, and the row is free', async () => {
    await settler.fill('a/');
    const before = await rig.row('a/');
    await settler.publishDirs('a/').then((message) => message.nack());
    const held = settler.gate('s3');
    const stop = new AbortController();
    const context = settler.settling(work);
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
    expect(await settler.backlog()).toEqual({ ...EMPTY_BACKLOG, waiting: 1 });
    const now = await rig.row('a/');
    expect({ ...now, syncCheckLastStart: undefined, rsyncLastStart: undefined }).toEqual(before);
    expect(await rig.state.stateStore.startRsync('a/', SOMEBODY, LEASE_MS)).toBeDefined();
    expect((await rig.state.pullOne(TOPIC)).data).toBe(encodeSubfolderMessage(['a/']));
    expect(context.counters.toRecord()).toEqual(new SubfolderCounters().toRecord());
  });

  test('that somebody else took over on the way is theirs, and its message comes back', async () => {
    await settler.fill('a/');
    const held = settler.gate('gcs');
    const context = settler.settling(work);
    const settled = settleSubfolders(context, await settler.publishDirs('a/'), never);
    await held.asked;
    rig.state.advance(LEASE_MS);
    const theirs = await rig.state.stateStore.startSyncCheck('a/', SOMEBODY, LONG_MS);
    expect(theirs).toBeDefined();
    const before = await rig.row('a/');
    held.open();
    await settled;
    expect(await rig.row('a/')).toEqual(before);
    // The lease of the message has run out with that of the row.
    expect(await settler.backlog()).toEqual({ ...EMPTY_BACKLOG, waiting: 1 });
    expect(await settler.backlog('errors')).toEqual(EMPTY_BACKLOG);
    expect(context.counters.toRecord()).toEqual(new SubfolderCounters().toRecord());
  });

  test('that a publisher still holds is begun as soon as it lets go', async () => {
    await settler.fill('a/');
    const { stateStore } = rig.state;
    const request = { owner: 'p', leaseMs: LEASE_MS, limit: 1, target: 'syncCheck' } as const;
    const [lease] = await stateStore.claimSubfolders(request);
    if (lease === undefined) throw new Error('nothing to claim');
    const message = await settler.publishDirs('a/');
    let looks = 0;
    const context = settler.settling(work, {
      busyPollMs: 1,
      stateStore: {
        withdrawPublished: stateStore.withdrawPublished.bind(stateStore),
        now: stateStore.now.bind(stateStore),
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

test('a repair that its row waits for is done, whatever the clock of the queue says of its message', async () => {
  await settler.fill('a/');
  rig.remove('a/x');
  await rig.check('a/');
  const { stateStore } = rig.state;
  const message = await settler.publishDirs('a/');
  const lease = await stateStore.startRsync('a/', SOMEBODY, LONG_MS);
  if (lease === undefined) throw new Error('a/ is not free');
  expect(await stateStore.finishRsync(lease, { figures: await rig.row('a/') }, 3)).toBe(true);
  await settler.markPublished('rsync');
  await settleSubfolders(settler.settling('rsync'), message, never);
  expect(await rig.row('a/')).toMatchObject({ rsyncFrequency: 2 });
  expect(await rig.status('a/')).toBe('verified');
});
