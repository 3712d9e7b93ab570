import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isList } from './list-requests.ts';
import { MigrationRig } from './migration-rig.ts';

let rig: MigrationRig;
beforeEach(async () => {
  rig = await MigrationRig.start();
});
afterEach(() => rig.close());

/** Puts something into the source while the n-th comparison (from 1) has asked for its first listing. */
function whileChecking(put: (check: number) => void): (phase: string) => void {
  let checks = 0;
  return (phase) => {
    if (phase !== 'checking') return;
    const check = ++checks;
    rig.clouds.break('s3', (request) => {
      if (!isList(request)) return false;
      rig.clouds.heal();
      put(check);
      return false;
    });
  };
}

describe('a subfolder that appears at the source after it was listed', () => {
  test('is transferred and verified by the same run', async () => {
    rig.clouds.put('old/object', 'abc');
    const report = await rig.migrate({
      onPhase: whileChecking((check) => check === 1 && void rig.clouds.put('new/object', 'def')),
    });
    expect(report).toMatchObject({
      subfolders: 3,
      objects: { listed: 2, transferred: 2, skipped: 0, failed: 0 },
      verified: true,
      failures: [],
    });
    expect((await rig.clouds.arrived('new/object'))?.bytes.toString()).toBe('def');
    expect(rig.rounds).toBe(2);
  });

  test('in the last round is reported as not compared, and is the work of the next run', async () => {
    rig.clouds.put('old/object', 'abc');
    const onPhase = whileChecking((check) => void rig.clouds.put(`new-${check}/object`, 'def'));
    const report = await rig.migrate({ onPhase });
    expect(rig.rounds).toBe(3);
    expect(report).toMatchObject({ objects: { listed: 3, transferred: 3, failed: 0 }, verified: false });
    expect(report.failures).toEqual([
      { key: 'new-3/', code: 'TRANSFER_UNCHECKED', message: expect.stringContaining('run again') as string },
    ]);
    expect(await rig.migrate()).toMatchObject({
      objects: { listed: 4, transferred: 1, skipped: 3, failed: 0 },
      verified: true,
      failures: [],
    });
    expect(rig.rounds).toBe(1);
  });
});

test('an object that appears in a subfolder that was published already is transferred by the same run', async () => {
  rig.clouds.put('folder/old', 'abc');
  const onPhase = whileChecking((check) => check === 1 && void rig.clouds.put('folder/new', 'def'));
  expect(await rig.migrate({ onPhase })).toMatchObject({
    objects: { listed: 2, transferred: 2, failed: 0 },
    verified: true,
  });
  expect(rig.rounds).toBe(2);
});
