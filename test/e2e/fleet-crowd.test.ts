import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';
import { afterEach, describe, expect, it, vi } from 'vitest';
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

/** Holds back the listings of subfolders until {@link release}. */
class ListingGate {
  readonly #released = Promise.withResolvers<void>();

  readonly intercept: RequestInterceptor = async ({ url = '' }) => {
    if (url.includes(`prefix=${ROOT}%2Ffolder-`)) await this.#released.promise;
    return false;
  };

  release(): void {
    this.#released.resolve();
  }
}

/** How many publishers have claimed something. */
async function claimants(): Promise<number> {
  const owner = "SUBSTRING_INDEX(lease_owner, '#', 1)";
  const [row] = await fleet.home.query(`SELECT COUNT(DISTINCT ${owner}) AS owners FROM ${fleet.table}`);
  return Number(row?.['owners']);
}

/** Bytes by the name below the root. */
function contentsOf(folders: readonly string[]): Map<string, Buffer> {
  const names = folders.flatMap((folder) =>
    Array.from({ length: OBJECTS_EACH }, (_, object) => `${folder}/object-${object}`),
  );
  return new Map(names.map((name) => [name, Buffer.from(`content of ${name}`)]));
}

const ALL_FOLDERS = Array.from({ length: SUBFOLDERS }, (_, folder) => `folder-${folder}`);

describe('a fleet of many processes on one database', () => {
  it.each<{ query: string; pullQuery: string | undefined; folders: readonly string[]; rows: number }>([
    // The root's row is there, too, and holds no objects.
    { query: 'the built-in query', pullQuery: undefined, folders: ALL_FOLDERS, rows: SUBFOLDERS + 1 },
    {
      query: "the operator's query for some of them",
      pullQuery: "initial_transfer AND NOT cdn_transfer_published AND dir_key LIKE 'folder-1%' ORDER BY dir_key DESC",
      folders: ALL_FOLDERS.filter((folder) => folder.startsWith('folder-1')),
      rows: 111,
    },
  ])(
    'publishes every subfolder once by 4 publishers with $query, and transfers every object once by 8 worker processes',
    async ({ pullQuery, folders, rows }) => {
      const gate = new UploadGate(Number.POSITIVE_INFINITY);
      const listings = new ListingGate();
      fleet = await Fleet.start({ interceptGcs: gate.intercept, interceptS3: listings.intercept });
      putReferenceConfiguration(fleet);
      const source = [...contentsOf(ALL_FOLDERS)].map(([name, bytes]) => [`${ROOT}/${name}`, bytes] as const);
      putObjects(fleet.rehearsal.source, new Map(source));
      const contents = contentsOf(folders);
      await prepareFleet(fleet);
      expectExitCode(await fleet.command('dump', ...configuredBy(ENTITIES.publisher)), 0);

      await using cleanup = new AsyncDisposableStack();
      const start = (...args: readonly string[]): RunningCommand => cleanup.use(fleet.start(...args, '--json'));
      const workers = Array.from({ length: 2 }, () =>
        start('worker', 'cdnTransfer', ...configuredBy(ENTITIES.worker), '--processes', '4'),
      );
      const query =
        pullQuery === undefined ? [] : ['--pull-query', `SELECT dir_key FROM ${fleet.table} WHERE ${pullQuery}`];
      const publishers = Array.from({ length: 4 }, () =>
        start('publisher', 'objects', ...configuredBy(ENTITIES.publisher), ...query),
      );
      // However slow the machine is, none of them publishes everything before the others have begun.
      await vi.waitFor(async () => expect(await claimants()).toBeGreaterThanOrEqual(2), { timeout: 60_000 });
      listings.release();
      const published = await Promise.all(publishers.map(resultOf));
      expect(published.filter((each) => Number(each['objects']) > 0).length).toBeGreaterThanOrEqual(2);
      expect(sumOf(published, 'subfolders')).toBe(rows);
      expect(sumOf(published, 'objects')).toBe(contents.size);
      expect(sumOf(published, 'leasesLost')).toBe(0);
      // 12 objects are two messages of at most 10.
      const messages = folders.length * 2;
      expect(fleet.pubsub.stats()).toMatchObject({ published: messages });

      await Promise.all(workers.map((worker) => worker.whileRunning(gate.answered(contents.size))));
      for (const worker of workers) worker.kill('SIGTERM');
      const transferred = await Promise.all(workers.map(resultOf));
      expect(sumOf(transferred, 'objectsTransferred')).toBe(contents.size);
      expect(sumOf(transferred, 'messages')).toBe(messages);
      expect(await fleet.rehearsal.destination()).toEqual(
        new Map([...contents].map(([name, bytes]) => [`${DESTINATION_ROOT}/${name}`, bytes])),
      );
      expect([...fleet.rehearsal.uploads].filter(([, count]) => count !== 1)).toEqual([]);
      expect(fleet.pubsub.stats()).toMatchObject({ acked: messages, deadLettered: 0 });
    },
  );
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
