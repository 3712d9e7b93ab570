import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { referenceTable } from '../fixtures/reference-table.ts';
import { expectExitCode, type RunningCommand } from './command.ts';
import { configuredBy, Fleet, PROJECT } from './fleet.ts';
import { publishTo, pullFrom } from './pubsub-client.ts';
import {
  DESTINATION_ROOT,
  ENTITIES,
  ERROR_TOPIC,
  prepareFleet,
  putReferenceConfiguration,
  ROOT,
  SUBSCRIPTION,
  TOPIC,
} from './reference-configuration.ts';
import { putObjects } from './source-objects.ts';
import { UploadGate } from './upload-gate.ts';

const KEY_PAIR_ID = 'K2JCJMDEHXQW5F';
const KEYS = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

let gate: UploadGate;
let fleet: Fleet;
afterEach(() => fleet[Symbol.asyncDispose]());

async function startFleet(): Promise<void> {
  gate = new UploadGate(Number.POSITIVE_INFINITY);
  fleet = await Fleet.start({
    s3Credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    distribution: { publicKeys: { [KEY_PAIR_ID]: KEYS.publicKey } },
    interceptGcs: gate.intercept,
  });
  putReferenceConfiguration(fleet, { keyPairId: KEY_PAIR_ID, privateKey: KEYS.privateKey });
}

/** Objects under the root: bytes by the name below it. */
function putUnderRoot(names: readonly string[]): Map<string, Buffer> {
  const contents = new Map(names.map((name) => [name, Buffer.from(`content of ${name}`)]));
  putObjects(fleet.rehearsal.source, new Map([...contents].map(([name, bytes]) => [`${ROOT}/${name}`, bytes])));
  return contents;
}

/** What is expected in the destination bucket. */
function mirrored(contents: ReadonlyMap<string, Buffer>): Map<string, Buffer> {
  return new Map([...contents].map(([name, bytes]) => [`${DESTINATION_ROOT}/${name}`, bytes]));
}

async function publish(): Promise<Readonly<Record<string, unknown>>> {
  const published = await fleet.command(
    'publisher',
    'publishObjectsList',
    ...configuredBy(ENTITIES.publisher),
    '--json',
  );
  expectExitCode(published, 0);
  return JSON.parse(published.stdout) as Readonly<Record<string, unknown>>;
}

/** Runs workers until so many objects have been uploaded, and stops them. @returns the sums of what they counted */
async function transfer(workers: number, uploads: number): Promise<Readonly<Record<string, number>>> {
  await using cleanup = new AsyncDisposableStack();
  const running: RunningCommand[] = [];
  for (let index = 0; index < workers; index++) {
    running.push(cleanup.use(fleet.start('worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker), '--json')));
  }
  await Promise.all(running.map((worker) => worker.waitForOutput('taking messages')));
  await Promise.all(running.map((worker) => worker.whileRunning(gate.answered(uploads))));
  for (const worker of running) worker.kill('SIGTERM');
  const sums: Record<string, number> = {};
  for (const { ended } of running) {
    const result = await ended;
    expectExitCode(result, 0);
    for (const [name, count] of Object.entries(JSON.parse(result.stdout) as Record<string, number>)) {
      sums[name] = (sums[name] ?? 0) + count;
    }
  }
  return sums;
}

function rowsOf(columns: string): Promise<Record<string, unknown>[]> {
  return fleet.home.query(`SELECT ${columns} FROM ${fleet.table} ORDER BY dir_key`);
}

describe("a fleet with the reference tool's entities, secrets and table", () => {
  it('goes from a dump of `aws s3 ls` to a bucket that is equal, by three workers', async () => {
    await startFleet();
    await fleet.home.query(referenceTable(fleet.table));
    const names = ['2018', '2019', 'with space & +%'].flatMap((folder) =>
      Array.from({ length: 30 }, (_, index) => `${folder}/object ${index}.jpg`),
    );
    const contents = putUnderRoot(['at the root', ...names]);
    await writeFile(
      fleet.rehearsal.path('dump.txt'),
      ['2018', '2019', 'with space & +%'].map((name) => `${' '.repeat(27)}PRE ${name}/\n`).join(''),
    );

    await prepareFleet(fleet);
    const dump = await fleet.command('dumpToMySQL', ...configuredBy(ENTITIES.dump), '--dump_file', 'dump.txt');
    expectExitCode(dump, 0);
    expect(dump.stdout).toContain('4 subfolders, the root included: 4 new');
    expect(await publish()).toMatchObject({ subfolders: 4, objects: 91, messages: 10, failures: [] });
    expect(await transfer(3, contents.size)).toMatchObject({ objectsTransferred: 91, objectsFailed: 0, messages: 10 });

    expect(await fleet.rehearsal.destination()).toEqual(mirrored(contents));
    expect([...fleet.rehearsal.uploads.values()].every((count) => count === 1)).toBe(true);
    expect(fleet.pubsub.stats().subscriptions[`projects/${PROJECT}/subscriptions/${SUBSCRIPTION}`]).toMatchObject({
      waiting: 0,
      outstanding: 0,
    });
    expect(await rowsOf('dir_key, initial_transfer, cdn_transfer_published, objects_published')).toEqual([
      { dir_key: '', initial_transfer: 0, cdn_transfer_published: 1, objects_published: 1 },
      { dir_key: '2018/', initial_transfer: 0, cdn_transfer_published: 1, objects_published: 30 },
      { dir_key: '2019/', initial_transfer: 0, cdn_transfer_published: 1, objects_published: 30 },
      { dir_key: 'with space & +%/', initial_transfer: 0, cdn_transfer_published: 1, objects_published: 30 },
    ]);
  });

  it('goes on from the state that the reference tool has left in its table', async () => {
    await startFleet();
    await fleet.home.query(referenceTable(fleet.table));
    await fleet.home.query(
      `INSERT INTO ${fleet.table} (dir_key, initial_transfer, cdn_transfer_published, s3_size, gcs_size, sync_check_frequency, sync_check_last_end)
         VALUES ('done/', FALSE, TRUE, 100, 100, 255, '2024-02-29 01:02:03'), ('Todo/', TRUE, FALSE, 0, 0, 0, NULL),
                ('interrupted/', TRUE, TRUE, 0, 0, 0, NULL)`,
    );
    putUnderRoot(['done/a', 'interrupted/a']);
    const contents = putUnderRoot(['Todo/a', 'Todo/b', 'todo/c']);

    await prepareFleet(fleet);
    await writeFile(fleet.rehearsal.path('delta.txt'), 'Todo/\ntodo/\ndone/\n');
    const dump = await fleet.command('dump', ...configuredBy(ENTITIES.dump), '--dump_file', 'delta.txt');
    expect(dump.stdout).toContain('4 subfolders, the root included: 2 new');
    expect(await publish()).toMatchObject({ subfolders: 3, objects: 3 });
    await transfer(1, contents.size);
    expect(await fleet.rehearsal.destination()).toEqual(mirrored(contents));
    expect(await rowsOf('dir_key, s3_size, sync_check_frequency, sync_check_last_end')).toContainEqual({
      dir_key: 'done/',
      s3_size: 100,
      sync_check_frequency: 255,
      sync_check_last_end: '2024-02-29 01:02:03',
    });
  });

  it("takes the reference tool's messages, and hands a poison message and a failed key on with the reason", async () => {
    await startFleet();
    await fleet.home.query(referenceTable(fleet.table));
    await prepareFleet(fleet);
    const contents = putUnderRoot(['a/1', 'a/2']);
    await publishTo(fleet, TOPIC, [
      JSON.stringify([`${ROOT}/a/1`]),
      JSON.stringify([[`${ROOT}/a/2`]]),
      JSON.stringify([`${ROOT}/a/gone`]),
      'not JSON',
    ]);
    await transfer(1, contents.size);
    const failed = await pullFrom(fleet, `${ERROR_TOPIC}-sub`, 2);
    expect(failed.toSorted((a, b) => (a.data < b.data ? -1 : 1))).toMatchObject([
      { data: JSON.stringify([`${ROOT}/a/gone`]), attributes: { code: 'SOURCE_NOT_FOUND', attempt: '1' } },
      { data: 'not JSON', attributes: { code: 'MESSAGE_MALFORMED' } },
    ]);
    expect(await fleet.rehearsal.destination()).toEqual(mirrored(contents));
  });
});
