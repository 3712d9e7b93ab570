import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import { subfolderStatus } from '@object-transfer/core/domain/subfolder';
import { checkSubfolder, type CheckContext } from '@object-transfer/worker/sync-check/check-subfolder';
import { compareSubfolder, type Difference } from '@object-transfer/worker/sync-check/compare-subfolder';
import { transferObject } from '@object-transfer/worker/cdn-transfer/transfer-object';
import { Clouds, DESTINATION_BUCKET, never } from '../../fixtures/clouds.ts';
import { LEASE_MS, openTestState, type TestState } from './embedded-state.ts';

let clouds: Clouds;
let state: TestState;
beforeAll(async () => {
  clouds = await Clouds.start();
});
afterAll(() => clouds.close());
beforeEach(async () => {
  state = await openTestState();
});
afterEach(async () => {
  clouds.heal();
  await state.close();
});

function checking(overrides: Partial<CheckContext> = {}): CheckContext {
  return {
    mapping: { s3RootPrefix: '', gcsRootPrefix: '' },
    lister: clouds.lister,
    destination: clouds.transferContext().destination,
    filter: createObjectFilter({ storageClasses: [], include: [], exclude: [] }, ''),
    namePolicy: 'fail',
    stateStore: state.stateStore,
    owner: 'test:1:00000000',
    leaseMs: LEASE_MS,
    ...overrides,
  };
}

async function arrive(key: string, body: string, overrides: Partial<CheckContext> = {}): Promise<void> {
  const expected = clouds.put(key, body);
  const { mapping, namePolicy } = checking(overrides);
  const context = clouds.transferContext({ mapping, namePolicy });
  expect(await transferObject(context, { key, expected }, new Map(), never)).toMatchObject({ status: 'transferred' });
}

async function compare(dirKey: string, overrides: Partial<CheckContext> = {}) {
  const differences: string[] = [];
  const figures = await compareSubfolder(
    checking(overrides),
    dirKey,
    (difference: Difference) => {
      const name = difference.kind === 'extra' ? difference.found.name : difference.source.key;
      differences.push(`${difference.kind} ${name}`);
    },
    never,
  );
  return { figures, differences };
}

describe('comparing', () => {
  test('finds nothing where every object has arrived', async () => {
    await arrive('equal/a', 'abc');
    await arrive('equal/deep/b', '');
    expect(await compare('equal/')).toEqual({
      figures: {
        s3SizeBytes: 3,
        gcsSizeBytes: 3,
        s3ObjectCount: 2,
        gcsObjectCount: 2,
        missingCount: 0,
        mismatchedCount: 0,
        unprovenCount: 0,
        extraCount: 0,
      },
      differences: [],
    });
  });

  test('tells missing, different, unproven and extra objects apart', async () => {
    await arrive('mix/1-equal', 'abc');
    clouds.put('mix/2-missing', 'abc');
    clouds.put('mix/3-different', 'abc');
    clouds.gcs.objects.put(DESTINATION_BUCKET, 'mix/3-different', 'xyz');
    clouds.put('mix/4-unproven', 'abc', { etag: `${'0'.repeat(32)}-2` });
    clouds.gcs.objects.put(DESTINATION_BUCKET, 'mix/4-unproven', 'abc');
    clouds.gcs.objects.put(DESTINATION_BUCKET, 'mix/5-extra', 'abcdef');
    clouds.put('mix/6-size', 'abc');
    clouds.gcs.objects.put(DESTINATION_BUCKET, 'mix/6-size', 'ab');
    const { figures, differences } = await compare('mix/');
    expect(differences).toEqual([
      'missing mix/2-missing',
      'different mix/3-different',
      'unproven mix/4-unproven',
      'extra mix/5-extra',
      'different mix/6-size',
    ]);
    expect(figures).toEqual({
      s3SizeBytes: 15,
      gcsSizeBytes: 17,
      s3ObjectCount: 5,
      gcsObjectCount: 5,
      missingCount: 1,
      mismatchedCount: 2,
      unprovenCount: 1,
      extraCount: 1,
    });
  });

  test('walks both listings in step over many pages, in the order of UTF-8', async () => {
    const names = Array.from({ length: 2500 }, (_, i) => `pages/${i % 3 === 0 ? '\u{10000}' : '\uFFFD'}${i}`);
    for (const name of names) {
      clouds.put(name, name);
      clouds.gcs.objects.put(DESTINATION_BUCKET, name, name);
    }
    clouds.gcs.objects.remove(DESTINATION_BUCKET, 'pages/\uFFFD1');
    const { figures, differences } = await compare('pages/');
    expect(differences).toEqual(['missing pages/\uFFFD1']);
    expect(figures).toMatchObject({ s3ObjectCount: 2500, gcsObjectCount: 2499 });
  });

  test('of the root leaves its subfolders to their own rows', async () => {
    const mapping = { s3RootPrefix: 'root/', gcsRootPrefix: 'mirror/' };
    await arrive('root/file', 'abc', { mapping });
    clouds.put('root/sub/file', 'abc');
    expect(await compare('', { mapping })).toMatchObject({ figures: { s3ObjectCount: 1, gcsObjectCount: 1 } });
    expect(await compare('sub/', { mapping })).toMatchObject({ differences: ['missing root/sub/file'] });
  });

  test('does not miss the marker of the root folder where it has no name', async () => {
    const mapping = { s3RootPrefix: 'marked/', gcsRootPrefix: '' };
    const expected = clouds.put('marked/', '');
    const context = clouds.transferContext({ mapping });
    expect(await transferObject(context, { key: 'marked/', expected }, new Map(), never)).toEqual({
      status: 'skipped',
    });
    for (const namePolicy of ['fail', 'rename'] as const) {
      expect((await compare('', { mapping, namePolicy })).differences).not.toContain('missing marked/');
    }
    clouds.put('marked/', 'with content');
    for (const namePolicy of ['fail', 'rename'] as const) {
      expect((await compare('', { mapping, namePolicy })).differences).toContain('missing marked/');
    }
  });

  test('counts what the filter leaves out on neither side', async () => {
    await arrive('filtered/keep.jpg', 'abc');
    await arrive('filtered/drop.tmp', 'abcdef');
    clouds.put('filtered/absent.tmp', 'x');
    const filter = createObjectFilter({ storageClasses: [], include: [], exclude: ['**/*.tmp'] }, '');
    expect(await compare('filtered/', { filter })).toEqual({
      figures: expect.objectContaining({
        s3ObjectCount: 1,
        gcsObjectCount: 1,
        extraCount: 0,
        missingCount: 0,
      }) as unknown,
      differences: [],
    });
  });

  test('finds renamed objects under their new name', async () => {
    await arrive('renamed/a\nb', 'abc', { namePolicy: 'rename' });
    await arrive('renamed/c', 'abc');
    clouds.gcs.objects.put(DESTINATION_BUCKET, 'renamed/extra', 'x');
    expect(await compare('renamed/', { namePolicy: 'rename' })).toMatchObject({
      differences: ['extra renamed/extra'],
      figures: { s3ObjectCount: 2, gcsObjectCount: 3, missingCount: 0, extraCount: 1 },
    });
    expect((await compare('renamed/')).differences).toContain('missing renamed/a\nb');
  });

  test.each(['s3', 'gcs'] as const)(
    'fails where the listing of %s cannot be completed, and never reads it as empty',
    async (service) => {
      clouds.put('failing/a', 'abc');
      clouds.gcs.objects.put(DESTINATION_BUCKET, 'failing/a', 'abc');
      clouds.break(service, (_request, response) => {
        response.writeHead(503).end();
        return true;
      });
      await expect(compare('failing/')).rejects.toMatchObject({ retryable: true });
    },
  );
});

const ignore = { add: () => undefined, complete: async () => undefined };

describe('checking a row', () => {
  test('stores what was found, and an equal subfolder is verified', async () => {
    await arrive('row/a', 'abc');
    await state.stateStore.addSubfolders(['row/']);
    expect(await checkSubfolder(checking(), 'row/', ignore, never)).toMatchObject({ status: 'done' });
    const row = await state.stateStore.getSubfolder('row/');
    expect(row).toMatchObject({ s3SizeBytes: 3, gcsSizeBytes: 3, syncCheckFrequency: 1, syncCheckInProgress: false });
    expect(row === undefined ? undefined : subfolderStatus(row)).toBe('verified');
  });

  test('stores the error of a check that failed, with the figures of the last one left alone', async () => {
    await arrive('broken/a', 'abc');
    await state.stateStore.addSubfolders(['broken/']);
    await checkSubfolder(checking(), 'broken/', ignore, never);
    clouds.break('gcs', (_request, response) => {
      response.writeHead(403).end();
      return true;
    });
    expect(await checkSubfolder(checking(), 'broken/', ignore, never)).toMatchObject({
      status: 'failed',
      error: { code: 'DESTINATION_FORBIDDEN' },
    });
    const row = await state.stateStore.getSubfolder('broken/');
    expect(row).toMatchObject({ s3SizeBytes: 3, gcsSizeBytes: 3, syncCheckInProgress: false });
    expect(row?.syncCheckError).toContain('DESTINATION_FORBIDDEN');
    expect(row === undefined ? undefined : subfolderStatus(row)).toBe('failed');
  });

  test('does nothing where another check is going on', async () => {
    await state.stateStore.addSubfolders(['busy/']);
    await state.stateStore.startSyncCheck('busy/', 'somebody-else', LEASE_MS);
    expect(await checkSubfolder(checking(), 'busy/', ignore, never)).toEqual({ status: 'busy' });
  });

  test('changes nothing where the lease was lost on the way', async () => {
    await arrive('lost/a', 'abc');
    await state.stateStore.addSubfolders(['lost/']);
    let stolen = false;
    clouds.break('gcs', () => {
      if (!stolen) state.advance(LEASE_MS + 1);
      stolen = true;
      return false;
    });
    const check = checkSubfolder(checking(), 'lost/', ignore, never);
    expect(await check).toEqual({ status: 'lost' });
    expect(await state.stateStore.getSubfolder('lost/')).toMatchObject({ syncCheckFrequency: 0 });
  });
});
