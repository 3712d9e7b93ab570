import { afterEach, describe, expect, it } from 'vitest';
import { expectExitCode, type RunningCommand } from './command.ts';
import { configuredBy, Fleet } from './fleet.ts';
import {
  DESTINATION_ROOT,
  ENTITIES,
  prepareFleet,
  putReferenceConfiguration,
  ROOT,
} from './reference-configuration.ts';
import { putObjects } from './source-objects.ts';
import { UploadGate } from './upload-gate.ts';

const SUBFOLDERS = 200;
const OBJECTS_EACH = 12;

let fleet: Fleet;
afterEach(() => fleet[Symbol.asyncDispose]());

describe('a fleet of many processes on one database', () => {
  it('publishes every subfolder once by 4 publishers, and transfers every object once by 8 worker processes', async () => {
    const gate = new UploadGate(Number.POSITIVE_INFINITY);
    fleet = await Fleet.start({ interceptGcs: gate.intercept });
    putReferenceConfiguration(fleet);
    const contents = new Map<string, Buffer>();
    for (let folder = 0; folder < SUBFOLDERS; folder++) {
      for (let object = 0; object < OBJECTS_EACH; object++) {
        const name = `folder-${folder}/object-${object}`;
        contents.set(name, Buffer.from(`content of ${name}`));
      }
    }
    putObjects(fleet.rehearsal.source, new Map([...contents].map(([name, bytes]) => [`${ROOT}/${name}`, bytes])));
    await prepareFleet(fleet);
    expectExitCode(await fleet.command('dump', ...configuredBy(ENTITIES.publisher)), 0);

    await using cleanup = new AsyncDisposableStack();
    const start = (...args: readonly string[]): RunningCommand => cleanup.use(fleet.start(...args, '--json'));
    const workers = Array.from({ length: 2 }, () =>
      start('worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker), '--processes', '4'),
    );
    const publishers = Array.from({ length: 4 }, () =>
      start('publisher', 'objects', ...configuredBy(ENTITIES.publisher)),
    );
    const published = await Promise.all(publishers.map(resultOf));
    // The root's row is there, too, and holds no objects.
    expect(sumOf(published, 'subfolders')).toBe(SUBFOLDERS + 1);
    expect(sumOf(published, 'objects')).toBe(contents.size);
    expect(sumOf(published, 'leasesLost')).toBe(0);
    // 12 objects are two messages of at most 10.
    expect(fleet.pubsub.stats()).toMatchObject({ published: SUBFOLDERS * 2 });

    await Promise.all(workers.map((worker) => worker.whileRunning(gate.answered(contents.size))));
    for (const worker of workers) worker.kill('SIGTERM');
    const transferred = await Promise.all(workers.map(resultOf));
    expect(sumOf(transferred, 'objectsTransferred')).toBe(contents.size);
    expect(sumOf(transferred, 'messages')).toBe(SUBFOLDERS * 2);
    expect(await fleet.rehearsal.destination()).toEqual(
      new Map([...contents].map(([name, bytes]) => [`${DESTINATION_ROOT}/${name}`, bytes])),
    );
    expect([...fleet.rehearsal.uploads].filter(([, count]) => count !== 1)).toEqual([]);
    expect(fleet.pubsub.stats()).toMatchObject({ acked: SUBFOLDERS * 2, deadLettered: 0 });
  });
});

type Counters = Readonly<Record<string, number>>;

async function resultOf(command: RunningCommand): Promise<Counters> {
  const result = await command.ended;
  expectExitCode(result, 0);
  return JSON.parse(result.stdout) as Counters;
}

function sumOf(results: readonly Counters[], name: string): number {
  return results.reduce((sum, counters) => sum + (counters[name] ?? Number.NaN), 0);
}
