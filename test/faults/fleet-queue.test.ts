import { once } from 'node:events';
import { createServer } from 'node:net';
import { status } from '@grpc/grpc-js';
import type { Subfolder } from '@object-transfer/core/domain/subfolder';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, type CommandResult, type RunningCommand } from '../e2e/command.ts';
import { expectDrained, expectMirrored, rowsOf, until } from './fleet-audit.ts';
import { dumped, publishObjectMessages, publishSubfolderMessages } from './fleet-beginnings.ts';
import { FaultRig, type Flow, type ModuleName } from './fleet-rig.ts';
import { endWhenDone, expectDone, STORIES } from './fleet-stories.ts';

let rig: FaultRig;
let dirKeys: readonly string[];
beforeEach(async () => {
  rig = await FaultRig.start();
  dirKeys = rig.source.putTree(['a/', 'b/', 'c/']);
});
afterEach(() => rig[Symbol.asyncDispose]());

/** In the place of Pub/Sub is nobody who understands, until somebody has asked. */
async function beAwayUntilMissed(running: RunningCommand): Promise<void> {
  const { pubsub } = rig.fleet;
  await pubsub.goAway();
  const deaf = createServer((socket) => socket.destroy()).listen(pubsub.port, '127.0.0.1');
  await running.whileRunning(once(deaf, 'connection').then(() => undefined));
  deaf.close();
  await once(deaf, 'close');
}

interface Absence {
  readonly module: ModuleName;
  /** Held while Pub/Sub goes away. */
  readonly moment: RegExp;
}

interface PublisherAbsence extends Absence {
  readonly isMarked: (row: Subfolder) => boolean;
}

const CLAIM = /^SQL select .*skip locked/i;

const OF_PUBLISHERS: readonly PublisherAbsence[] = [
  {
    module: 'publisher objects',
    moment: /^S3 GET .*prefix=photos%2Fa%2F/,
    isMarked: (row) => row.cdnTransferPublished,
  },
  { module: 'publisher sync-check', moment: CLAIM, isMarked: (row) => row.syncCheckPublished },
  { module: 'publisher rsync', moment: CLAIM, isMarked: (row) => row.rsyncPublished },
];

interface WorkerAbsence extends Absence {
  readonly flow: Flow;
  /** What is not done yet: objects, or rows. */
  readonly left: () => Promise<number>;
  /** Publishes what it may have in its hands already once more. */
  readonly publish: () => Promise<void>;
}

async function countRows(isCounted: (row: Subfolder) => boolean): Promise<number> {
  return (await rowsOf(rig)).filter(isCounted).length;
}

/** What came again while somebody was still at work on it was handed back, and rests for a while. */
function untilTaken(flow: Flow): Promise<void> {
  return until(() => {
    if (rig.queue(flow).outstanding === 0) rig.passQueueTime();
    return rig.isDrained(flow);
  });
}

const OF_WORKERS: readonly WorkerAbsence[] = [
  {
    module: 'worker cdnTransfer',
    flow: 'objects',
    moment: /^GCS POST .*\/upload\//,
    left: async () => rig.source.size - (await rig.source.found()).size,
    publish: () => publishObjectMessages(rig, dirKeys),
  },
  {
    module: 'worker syncCheck',
    flow: 'checks',
    moment: /^SQL update .*sync_check_last_end/i,
    left: () => countRows((row) => row.syncCheckFrequency === 0),
    publish: () => publishSubfolderMessages(rig, 'checks', dirKeys),
  },
  {
    module: 'worker rsync',
    flow: 'repairs',
    moment: /^SQL update .*rsync_last_end/i,
    left: () => countRows((row) => row.rsyncFrequency === 0),
    publish: () => publishSubfolderMessages(rig, 'repairs', dirKeys),
  },
];

describe('Pub/Sub that goes away and comes back', () => {
  it.each(OF_PUBLISHERS)(
    'keeps $module waiting, which marks nothing that is not confirmed',
    async ({ module, moment, isMarked }) => {
      // A single row: whoever asks for Pub/Sub then, asks for its sake.
      const rows = ['a/'];
      await STORIES[module].begin(rig, rows);
      const reached = rig.moments.next(moment);
      await using publisher = rig.start(module);
      await publisher.whileRunning(reached.then(() => undefined));
      const missed = beAwayUntilMissed(publisher);
      (await reached).release('pass');
      await missed;
      expect(await countRows(isMarked)).toBe(0);
      // What Pub/Sub takes first, it does not confirm.
      rig.fleet.pubsub.faults.storeButRefuse({ code: status.UNAVAILABLE, times: 1 });
      await rig.fleet.pubsub.comeBack();
      expect(await endWhenDone(rig, module, publisher)).toMatchObject({ exitCode: 0 });
      expect(rig.fleet.pubsub.faults.refusedAfterStoring).toBe(1);
      await expectDone(rig, module, rows);
    },
  );

  it.each(OF_WORKERS)(
    'finds $module at its work, which takes the rest from it afterwards',
    async ({ module, flow, moment, left, publish }) => {
      await STORIES[module].begin(rig, dirKeys);
      const all = await left();
      const reached = rig.moments.next(moment);
      await using worker = rig.start(module);
      await worker.whileRunning(reached.then(() => undefined));
      const missed = beAwayUntilMissed(worker);
      (await reached).release('pass');
      await missed;
      // What is in its hands is done, and cannot be acked.
      await worker.whileRunning(until(async () => (await left()) < all));
      rig.passQueueTime();
      await rig.fleet.pubsub.comeBack();
      // It may have had all of the messages.
      await publish();
      await worker.whileRunning(untilTaken(flow));
      const counters = countersOf(await endWhenDone(rig, module, worker));
      expect(counters['objectsFailed'] ?? counters['subfoldersFailed']).toBe(0);
      await expectDone(rig, module, dirKeys);
    },
  );
});

type Counters = Readonly<Record<string, number>>;

/** Of a worker that has ended well. */
function countersOf(result: CommandResult): Counters {
  expectExitCode(result, 0);
  return JSON.parse(result.stdout) as Counters;
}

async function stop(worker: RunningCommand): Promise<Counters> {
  worker.kill('SIGTERM');
  return countersOf(await worker.ended);
}

function sumOf(counters: readonly Counters[], name: string): number {
  return counters.reduce((sum, { [name]: count = Number.NaN }) => sum + count, 0);
}

interface Repetition {
  readonly module: ModuleName;
  readonly flow: Flow;
  readonly timesDone: (row: Subfolder) => number;
}

const REPETITIONS: readonly Repetition[] = [
  { module: 'worker syncCheck', flow: 'checks', timesDone: (row) => row.syncCheckFrequency },
  { module: 'worker rsync', flow: 'repairs', timesDone: (row) => row.rsyncFrequency },
];

describe('Pub/Sub that delivers in any order, twice, again, and long after the work was done', () => {
  it('has each object transferred once by workers, who skip what they are given again', async () => {
    await dumped(rig, dirKeys);
    const { faults } = rig.fleet.pubsub;
    faults.outOfOrder = true;
    faults.duplicateEvery = 2;
    faults.acksToLose = 3;
    faults.lateDuplicates = 3;
    faults.lateDuplicateDelayMs = 60_000;
    await using first = rig.start('worker cdnTransfer');
    await using second = rig.start('worker cdnTransfer');
    await Promise.all([first, second].map((worker) => worker.waitForOutput('taking messages')));
    await publishObjectMessages(rig, dirKeys);
    await until(() => faults.acksToLose === 0 && faults.lateDuplicates === 0);
    await until(async () => (await rig.source.found()).size === rig.source.size);
    // Leases end whose acks were lost, and late duplicates are due.
    rig.passQueueTime();
    await until(() => rig.isDrained('objects'));
    const counters = [await stop(first), await stop(second)];
    expectDrained(rig, 'objects');
    await expectMirrored(rig);
    expect(sumOf(counters, 'objectsTransferred')).toBe(rig.source.size);
    expect(sumOf(counters, 'objectsSkipped')).toBeGreaterThan(0);
    expect(sumOf(counters, 'objectsFailed')).toBe(0);
  });

  it.each(REPETITIONS)(
    'has $module do each subfolder once, and skip it when it comes again',
    async ({ module, flow, timesDone }) => {
      await STORIES[module].begin(rig, dirKeys);
      const { faults } = rig.fleet.pubsub;
      faults.lateDuplicates = dirKeys.length;
      faults.lateDuplicateDelayMs = 60_000;
      await using worker = rig.start(module);
      await worker.whileRunning(until(() => rig.queue(flow).acked === dirKeys.length));
      const before = await rowsOf(rig);
      expect(before.map(timesDone)).toEqual(dirKeys.map(() => 1));
      rig.passQueueTime();
      await worker.whileRunning(until(() => rig.queue(flow).acked === 2 * dirKeys.length));
      expect(await stop(worker)).toMatchObject({ subfoldersDone: dirKeys.length, subfoldersSkipped: dirKeys.length });
      expect(await rowsOf(rig)).toEqual(before);
      await expectDone(rig, module, dirKeys);
    },
  );
});
