import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { firstTimes } from '../../fixtures/clouds.ts';
import { isNextPage } from './list-requests.ts';
import { MigrationRig } from './migration-rig.ts';

/** One more than a page of ListObjectsV2 holds. */
const TWO_PAGES = 1001;
/** All tries that the clouds' lister has. */
const MORE_THAN_RETRIES = 6;

let rig: MigrationRig;
beforeEach(async () => {
  rig = await MigrationRig.start();
  for (let index = 0; index < TWO_PAGES; index++) rig.clouds.put(`folder/${String(index).padStart(4, '0')}`, 'x');
});
afterEach(() => rig.close());

/** The second page of the comparison's listing is refused so many times. */
function refuseSecondPage(times: number): void {
  rig.clouds.break(
    's3',
    firstTimes(
      times,
      (request) => isNextPage(request, 'folder/'),
      (response) => response.writeHead(503).end(),
    ),
  );
}

/** @param prepare called when the first comparison begins */
function beforeFirstCheck(prepare: () => void): (phase: string) => void {
  let isFirst = true;
  return (phase) => {
    if (phase !== 'checking' || !isFirst) return;
    isFirst = false;
    prepare();
  };
}

describe('a comparison that fails half-way for something that may pass', () => {
  test('is made again in another round', async () => {
    const report = await rig.migrate({ onPhase: beforeFirstCheck(() => refuseSecondPage(MORE_THAN_RETRIES)) });
    expect(report).toMatchObject({
      objects: { listed: TWO_PAGES, transferred: TWO_PAGES, failed: 0 },
      verified: true,
      failures: [],
    });
    expect(rig.rounds).toBe(2);
  });

  test('has published what it found until then', async () => {
    const onPhase = beforeFirstCheck(() => {
      rig.clouds.put('folder/0000', 'changed');
      rig.clouds.put('folder/0000-new', 'new');
      refuseSecondPage(MORE_THAN_RETRIES);
    });
    const report = await rig.migrate({ onPhase, packing: { maxObjects: 1, maxBytes: 2 ** 30 } });
    expect(report).toMatchObject({ objects: { listed: TWO_PAGES + 1, failed: 0 }, verified: true, failures: [] });
    expect((await rig.clouds.arrived('folder/0000'))?.bytes.toString()).toBe('changed');
    expect((await rig.clouds.arrived('folder/0000-new'))?.bytes.toString()).toBe('new');
    // What was found in the first was transferred before the second.
    expect(rig.rounds).toBe(2);
  });

  test('and never ends: the run does, unverified, and no open error is closed', async () => {
    rig.clouds.put('folder/9-archived', 'x', { attributes: { storageClass: 'GLACIER' } });
    const report = await rig.migrate({ onPhase: beforeFirstCheck(() => refuseSecondPage(Number.POSITIVE_INFINITY)) });
    expect(rig.rounds).toBe(3);
    expect(report.verified).toBe(false);
    expect(report.failures).toMatchObject([
      { key: 'folder/', code: 'SOURCE_UNAVAILABLE' },
      { key: 'folder/9-archived', code: 'SOURCE_ARCHIVED' },
    ]);
  });
});
