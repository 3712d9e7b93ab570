import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RunningCommand } from '../e2e/command.ts';
import {
  expectAtRest,
  expectDrained,
  expectMirrored,
  expectVerified,
  publishedKeys,
  rowsOf,
  until,
} from './fleet-audit.ts';
import { checksPublished, dumped, published, publishObjectMessages } from './fleet-beginnings.ts';
import { FaultRig } from './fleet-rig.ts';

let rig: FaultRig;
let dirKeys: readonly string[];
beforeEach(async () => {
  rig = await FaultRig.start();
  dirKeys = rig.source.putTree(['a/', 'b/', 'c/']);
});
afterEach(() => rig[Symbol.asyncDispose]());

async function stop(worker: RunningCommand): Promise<Readonly<Record<string, number>>> {
  worker.kill('SIGTERM');
  const result = await worker.ended;
  expect(result).toMatchObject({ exitCode: 0 });
  return JSON.parse(result.stdout) as Readonly<Record<string, number>>;
}

function sumOf(counters: readonly Readonly<Record<string, number>>[], name: string): number {
  return counters.reduce((sum, { [name]: count = Number.NaN }) => sum + count, 0);
}

describe('Pub/Sub that goes away and comes back', () => {
  it('keeps a publisher waiting, which marks nothing that is not confirmed', async () => {
    await dumped(rig, dirKeys);
    const reached = rig.moments.next(/^S3 GET .*prefix=photos%2Fa%2F/);
    await using publisher = rig.start('publisher objects');
    await publisher.whileRunning(reached.then(() => rig.fleet.pubsub.goAway()));
    (await reached).release('pass');
    // The first call has failed, and others follow.
    const confirming = rig.moments.next(/^SQL update .*objects_published/i);
    await rig.fleet.pubsub.comeBack();
    (await confirming).release('pass');
    expect(await publisher.ended).toMatchObject({ exitCode: 0 });
    const rows = await rowsOf(rig);
    expect(rows.filter((row) => !row.cdnTransferPublished)).toEqual([]);
    const keys = dirKeys.flatMap((dirKey) => rig.source.listed(dirKey).map(({ key }) => key));
    expect(await publishedKeys(rig)).toEqual(new Set(keys));
  });

  it('finds a worker at its work, which takes the rest from it afterwards', async () => {
    await published(rig, dirKeys);
    const reached = rig.moments.next(/^GCS POST .*\/upload\//);
    await using worker = rig.start('worker cdnTransfer');
    await worker.whileRunning(reached.then(() => rig.fleet.pubsub.goAway()));
    (await reached).release('pass');
    // What is in its hands arrives, and cannot be acked.
    await worker.whileRunning(until(async () => (await rig.source.found()).size > 0));
    rig.passQueueTime();
    await rig.fleet.pubsub.comeBack();
    await worker.whileRunning(until(() => rig.isDrained('objects')));
    expect(await stop(worker)).toMatchObject({ objectsFailed: 0 });
    expectDrained(rig, 'objects');
    await expectMirrored(rig);
  });
});

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

  it('has each subfolder compared once, and skipped when it comes again', async () => {
    await checksPublished(rig, dirKeys);
    const { faults } = rig.fleet.pubsub;
    faults.lateDuplicates = dirKeys.length;
    faults.lateDuplicateDelayMs = 60_000;
    await using worker = rig.start('worker syncCheck');
    await worker.whileRunning(until(() => rig.queue('checks').acked === dirKeys.length));
    const before = await rowsOf(rig);
    expect(before.map(({ syncCheckFrequency }) => syncCheckFrequency)).toEqual(dirKeys.map(() => 1));
    rig.passQueueTime();
    await worker.whileRunning(until(() => rig.queue('checks').acked === 2 * dirKeys.length));
    expect(await stop(worker)).toMatchObject({ subfoldersDone: dirKeys.length, subfoldersSkipped: dirKeys.length });
    expect(await rowsOf(rig)).toEqual(before);
    expectDrained(rig, 'checks');
    await expectAtRest(rig);
    await expectVerified(rig);
  });
});
