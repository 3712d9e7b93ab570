import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { runRsync } from '@object-transfer/worker/rsync/run-rsync';
import { SubfolderCounters } from '@object-transfer/worker/subfolders/subfolder-counters';
import { runSyncCheck } from '@object-transfer/worker/sync-check/run-sync-check';
import { LEASE_MS } from './embedded-state.ts';
import { SubfolderRig } from './subfolder-rig.ts';

const DIRS = Array.from({ length: 20 }, (_, i) => `d${String(i).padStart(2, '0')}/`);

let rig: SubfolderRig;
beforeEach(async () => {
  rig = await SubfolderRig.start();
  for (const dirKey of DIRS) {
    await rig.arrive(`${dirKey}x`, dirKey);
    await rig.arrive(`${dirKey}y`, dirKey);
  }
  await rig.state.stateStore.addSubfolders(DIRS);
});
afterEach(() => rig.close());

/** A worker of one of the modes, with what it counts. */
function start(mode: 'syncCheck' | 'rsync', stop: AbortSignal) {
  const counters = new SubfolderCounters();
  const shared = {
    publisher: rig.state.queue,
    errorTopic: 'errors',
    counters,
    logger: pino({ level: 'silent' }),
    maxDeliveries: 3,
    subscription: rig.state.queue.subscribe(mode),
    identity: createProcessIdentity(),
    runId: 'run-1',
    maxMessagesPerPull: 2,
    leaseMs: LEASE_MS,
    stop,
  };
  const done =
    mode === 'syncCheck'
      ? runSyncCheck({ ...rig.checking(), ...shared })
      : runRsync({ ...rig.repairing({ deleteExtra: true }), ...shared });
  return { counters, done };
}

async function publish(mode: 'syncCheck' | 'rsync', subfoldersEach: number): Promise<void> {
  const messages = [];
  for (let i = 0; i < DIRS.length; i += subfoldersEach) {
    messages.push({ data: encodeSubfolderMessage(DIRS.slice(i, i + subfoldersEach)) });
  }
  await rig.state.queue.publish(mode, messages);
}

async function untilEmpty(mode: 'syncCheck' | 'rsync', stop: AbortController): Promise<void> {
  await expect.poll(() => rig.state.queue.backlog(mode), { timeout: 60_000 }).toMatchObject({ waiting: 0, leased: 0 });
  stop.abort();
}

test('a worker compares what it is sent, names what differs, and reports what it did', async () => {
  rig.remove('d03/x');
  rig.write('d07/y', 'd77/');
  rig.write('d11/z', 'extra');
  await publish('syncCheck', 3);
  const stop = new AbortController();
  const { counters, done } = start('syncCheck', stop.signal);
  await untilEmpty('syncCheck', stop);
  await done;
  const open = await rig.state.stateStore.listOpenObjectErrors({ limit: 10 });
  expect(open.map(({ dirKey, code }) => `${dirKey} ${code}`)).toEqual([
    'd03/ CHECK_MISSING',
    'd07/ CHECK_DIFFERENT',
    'd11/ CHECK_EXTRA',
  ]);
  const counted = { messages: 7, subfoldersDone: 20, subfoldersEqual: 18, objectsMissing: 1, objectsDifferent: 1 };
  expect(counters.toRecord()).toMatchObject(counted);
  expect(await rig.state.stateStore.listWorkers('run-1')).toMatchObject([{ mode: 'syncCheck', counters: counted }]);
});

test('a worker repairs what it is sent, and counts what it transferred and deleted', async () => {
  rig.remove('d03/x');
  rig.write('d07/y', 'd77/');
  rig.write('d11/z', 'extra');
  for (const dirKey of DIRS) await rig.check(dirKey);
  await publish('rsync', 1);
  const stop = new AbortController();
  const { counters, done } = start('rsync', stop.signal);
  await untilEmpty('rsync', stop);
  await done;
  expect(await rig.state.stateStore.countSubfolders()).toMatchObject({ verified: 20, repaired: 20 });
  expect(await rig.state.stateStore.listOpenObjectErrors({ limit: 10 })).toEqual([]);
  const counted = { messages: 20, subfoldersDone: 20, objectsTransferred: 2, bytesTransferred: 8, objectsDeleted: 1 };
  expect(counters.toRecord()).toMatchObject(counted);
  expect(await rig.state.stateStore.listWorkers('run-1')).toMatchObject([{ mode: 'rsync', counters: counted }]);
});

test.each(['syncCheck', 'rsync'] as const)(
  'a worker of %s that is told to stop finishes what it has begun and leaves the rest to others',
  async (mode) => {
    await publish(mode, 1);
    const stop = new AbortController();
    rig.clouds.break('gcs', () => {
      stop.abort();
      return false;
    });
    const { counters, done } = start(mode, stop.signal);
    await done;
    const { waiting, leased } = await rig.state.queue.backlog(mode);
    expect(leased).toBe(0);
    expect(waiting).toBe(DIRS.length - counters.messages);
    expect(counters.messages).toBeGreaterThan(0);
    expect(waiting).toBeGreaterThan(0);
    const rows = await rig.state.stateStore.listSubfolders(undefined, 100);
    expect(rows.filter((row) => row.syncCheckInProgress || row.rsyncInProgress)).toEqual([]);
    const ended = rows.filter((row) => (mode === 'syncCheck' ? row.syncCheckLastEnd : row.rsyncLastEnd) !== undefined);
    expect(ended).toHaveLength(counters.subfoldersDone);
  },
);
