import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isVerified } from '@object-transfer/core/domain/subfolder';
import { never } from '../../fixtures/clouds.ts';
import { compareSizes } from '@object-transfer/worker/sync-check/compare-sizes';
import { SubfolderRig } from './subfolder-rig.ts';
import { fillSubfolder, TAMPERINGS } from './tamperings.ts';

let rig: SubfolderRig;
beforeEach(async () => {
  rig = await SubfolderRig.start();
});
afterEach(() => rig.close());

describe.each(['dir/', ''])('where %j was tampered with', (dirKey) => {
  beforeEach(async () => {
    await fillSubfolder(rig, dirKey);
    await rig.state.stateStore.addSubfolders([dirKey]);
  });

  test.each(TAMPERINGS)(
    'a comparison of the sizes finds it ($showsInSizes), one of the content always: $what',
    async ({ tamper, showsInSizes }) => {
      expect(await rig.check(dirKey, { checkMode: 'size' })).toMatchObject({ status: 'done' });
      expect(isVerified(await rig.row(dirKey))).toBe(true);
      tamper(rig, dirKey);
      await rig.check(dirKey, { checkMode: 'size' });
      expect(isVerified(await rig.row(dirKey))).toBe(!showsInSizes);
      expect(await rig.openErrors(dirKey)).toEqual([]);
      await rig.check(dirKey);
      expect(await rig.openErrors(dirKey)).not.toEqual([]);
    },
  );
});

describe('comparing the sizes', () => {
  test('stores the sums of both sides and no counts, as in a row of the reference tool', async () => {
    await fillSubfolder(rig, 'dir/');
    rig.write('dir/zulu', 'zulu');
    rig.put('other/x', 'not of this subfolder');
    await rig.state.stateStore.addSubfolders(['dir/']);
    const figures = {
      s3SizeBytes: 30,
      gcsSizeBytes: 34,
      s3ObjectCount: 0,
      gcsObjectCount: 0,
      missingCount: 0,
      mismatchedCount: 0,
      unprovenCount: 0,
      extraCount: 0,
    };
    expect(await rig.check('dir/', { checkMode: 'size' })).toEqual({ status: 'done', figures });
    expect(await rig.row('dir/')).toMatchObject(figures);
    expect(await rig.status('dir/')).toBe('mismatched');
  });

  test('of the root leaves its subfolders to their own rows', async () => {
    await rig.arrive('file', 'abc');
    rig.put('sub/file', 'of the source');
    rig.write('sub/other', 'of the destination');
    expect(await compareSizes(rig.comparison(), '', never)).toMatchObject({ s3SizeBytes: 3, gcsSizeBytes: 3 });
  });

  test('filters the source alone, as the reference tool does', async () => {
    await fillSubfolder(rig, 'dir/');
    const comparison = rig.comparison({ filter: ({ key }) => !key.endsWith('alpha') });
    const found = await compareSizes(comparison, 'dir/', never);
    expect(found).toMatchObject({ s3SizeBytes: 25, gcsSizeBytes: 30 });
  });

  test.each([
    ['s3', 'gcs'],
    ['gcs', 's3'],
  ] as const)(
    'breaks off the listing of the other side where that of %s fails',
    { timeout: 30_000 },
    async (...sides) => {
      for (let i = 0; i < 2001; i++) {
        const name = `many/${String(i).padStart(4, '0')}`;
        rig.put(name, 'x');
        rig.write(name, 'x');
      }
      const [failing, other] = sides;
      const { promise: secondPage, resolve: onSecondPage } = Promise.withResolvers<void>();
      const { promise: brokenOff, resolve: onBrokenOff } = Promise.withResolvers<void>();
      let pages = 0;
      rig.clouds.break(other, async (_request, response) => {
        if (++pages < 2) return false;
        response.on('close', onBrokenOff);
        onSecondPage();
        return true;
      });
      rig.clouds.break(failing, async (_request, response) => {
        await secondPage;
        response.writeHead(403).end();
        return true;
      });
      await expect(compareSizes(rig.comparison(), 'many/', never)).rejects.toMatchObject({ retryable: false });
      await brokenOff;
      expect(pages).toBe(2);
    },
  );
});
