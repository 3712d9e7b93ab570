import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { referenceTable } from '../fixtures/reference-table.ts';
import { expectExitCode } from './command.ts';
import { configuredBy, Fleet } from './fleet.ts';
import { CHECK_ENTITIES, prepareChecks, putReferenceCheckConfiguration } from './reference-check-configuration.ts';
import {
  DESTINATION_ROOT,
  ENTITIES,
  prepareFleet,
  putReferenceConfiguration,
  ROOT,
} from './reference-configuration.ts';
import { DESTINATION_BUCKET } from './rehearsal.ts';
import { putObjects } from './source-objects.ts';

let fleet: Fleet;
afterEach(() => fleet[Symbol.asyncDispose]());

async function publish(mode: string, entity: string, ...flags: readonly string[]): Promise<Record<string, number>> {
  const result = await fleet.command('publisher', mode, ...configuredBy(entity), ...flags, '--json');
  expectExitCode(result, 0);
  return JSON.parse(result.stdout) as Record<string, number>;
}

/** Runs two workers of a mode until a query on the table yields so many rows. @returns the sums of what they counted */
async function work(mode: string, entity: string, condition: string, rows: number): Promise<Record<string, number>> {
  await using first = fleet.start('worker', mode, ...configuredBy(entity), '--json');
  await using second = fleet.start('worker', mode, ...configuredBy(entity), '--json');
  const workers = [first, second];
  await Promise.all(workers.map((worker) => worker.waitForOutput('taking messages')));
  const reached = async (): Promise<void> => {
    const query = `SELECT COUNT(*) AS n FROM ${fleet.table} WHERE ${condition}`;
    while (Number((await fleet.home.query(query))[0]?.['n']) < rows) await delay(50);
  };
  await first.whileRunning(reached());
  for (const worker of workers) worker.kill('SIGTERM');
  const sums: Record<string, number> = {};
  for (const { ended } of workers) {
    const result = await ended;
    expectExitCode(result, 0);
    for (const [name, count] of Object.entries(JSON.parse(result.stdout) as Record<string, number>)) {
      sums[name] = (sums[name] ?? 0) + count;
    }
  }
  return sums;
}

it("checks and repairs with the reference tool's entities, what that tool never would, too", async () => {
  fleet = await Fleet.start();
  putReferenceConfiguration(fleet);
  putReferenceCheckConfiguration(fleet);
  await fleet.home.query(referenceTable(fleet.table));
  const folders = ['2018', '2019', '2020', '2021'];
  const names = folders.flatMap((folder) => Array.from({ length: 10 }, (_, index) => `${folder}/object ${index}`));
  const contents = new Map(names.map((name) => [name, Buffer.from(`content of ${name}`)]));
  putObjects(fleet.rehearsal.source, new Map([...contents].map(([name, bytes]) => [`${ROOT}/${name}`, bytes])));
  await prepareFleet(fleet);
  await prepareChecks(fleet);

  expectExitCode(await fleet.command('dump', ...configuredBy(ENTITIES.publisher), '--mysql-table', fleet.table), 0);
  expect(await publish('publishObjectsList', ENTITIES.publisher)).toMatchObject({ objects: 40 });
  {
    await using worker = fleet.start('worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker));
    const arrived = async (): Promise<void> => {
      while (fleet.rehearsal.gcs.objects.names(DESTINATION_BUCKET).length < contents.size) await delay(50);
    };
    await worker.whileRunning(arrived());
    worker.kill('SIGTERM');
    expectExitCode(await worker.ended, 0);
  }
  // The reference tool sees the first of these alone: sizes that differ, and something at the destination.
  const { objects } = fleet.rehearsal.gcs;
  objects.remove(DESTINATION_BUCKET, `${DESTINATION_ROOT}/2018/object 0`);
  objects.put(DESTINATION_BUCKET, `${DESTINATION_ROOT}/2019/object 1`, 'x'.repeat('content of 2019/object 1'.length));
  for (const name of names.filter((each) => each.startsWith('2020/'))) {
    objects.remove(DESTINATION_BUCKET, `${DESTINATION_ROOT}/${name}`);
  }

  const { syncCheckPublisher, syncCheckWorker, rsyncPublisher, rsyncWorker } = CHECK_ENTITIES;
  expect(await publish('publishDirList', syncCheckPublisher, '--once')).toMatchObject({ subfolders: 5 });
  const checked = await work('syncCheck', syncCheckWorker, 'sync_check_frequency = 1', 5);
  expect(checked).toMatchObject({ subfoldersDone: 5, subfoldersEqual: 2, objectsMissing: 11, objectsDifferent: 1 });

  expect(await publish('publishDirList', rsyncPublisher, '--once')).toMatchObject({ subfolders: 3 });
  const repaired = await work('rsync', rsyncWorker, 'rsync_frequency = 1', 3);
  expect(repaired).toMatchObject({ subfoldersDone: 3, subfoldersEqual: 3, objectsTransferred: 12 });
  const mirrored = new Map([...contents].map(([name, bytes]) => [`${DESTINATION_ROOT}/${name}`, bytes]));
  expect(await fleet.rehearsal.destination()).toEqual(mirrored);

  const state = await fleet.home.query(
    `SELECT COUNT(*) AS total, SUM(s3_size = gcs_size) AS equal, SUM(repair_due) AS due,
            SUM(sync_check_in_progress + rsync_in_progress) AS busy, SUM(sync_check_error IS NOT NULL) AS errors
       FROM ${fleet.table}`,
  );
  expect(state.map((row) => Object.values(row).map(Number))).toEqual([[5, 5, 0, 0, 0]]);
  const runs = await fleet.home.query(`SELECT job, status FROM ${fleet.table}_runs`);
  expect(runs.every(({ status }) => status === 'SUCCEEDED')).toBe(true);
  expect(new Set(runs.map(({ job }) => String(job).split('#')[0]))).toEqual(
    new Set([
      'dump',
      'publisher objects',
      'worker cdnTransfer',
      'publisher sync-check',
      'worker syncCheck',
      'publisher rsync',
      'worker rsync',
    ]),
  );
});
