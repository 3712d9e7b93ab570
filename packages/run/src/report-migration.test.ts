import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { MAX_REPORTED_FAILURES, type MigrationReport } from './migration-report.ts';
import { reportMigration, type ReportSources } from './report-migration.ts';

const OWNER = 'test:1:00000000-0001';
const EQUAL: CheckFigures = {
  s3SizeBytes: 100,
  gcsSizeBytes: 100,
  s3ObjectCount: 10,
  gcsObjectCount: 10,
  missingCount: 0,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
};
const NOTHING_WORKED = { objectsTransferred: 0, objectsSkipped: 0, objectsFailed: 0, bytesTransferred: 0 };

let directory: string;
let state: EmbeddedState;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'report-'));
  state = await openEmbeddedState(join(directory, 'state.sqlite'), { owner: OWNER });
});
afterEach(async () => {
  await state.close();
  await rm(directory, { recursive: true });
});

async function checked(
  dirKey: string,
  result: Parameters<EmbeddedState['stateStore']['finishSyncCheck']>[1],
): Promise<void> {
  await state.stateStore.addSubfolders([dirKey]);
  const lease = await state.stateStore.startSyncCheck(dirKey, OWNER, 60_000);
  expect(lease && (await state.stateStore.finishSyncCheck(lease, result))).toBe(true);
}

function report(sources: Partial<ReportSources> = {}): Promise<MigrationReport> {
  const mapping = { s3RootPrefix: 'root/', gcsRootPrefix: '' };
  const { stateStore } = state;
  return reportMigration({
    stateStore,
    mapping,
    worked: NOTHING_WORKED,
    subfolderFailures: [],
    rounds: { checks: 1, repairs: 0, objectsRepaired: 0 },
    elapsedMs: 1,
    ...sources,
  });
}

test('sums up what every subfolder holds', async () => {
  await checked('', { figures: EQUAL });
  await checked('a/', { figures: { ...EQUAL, gcsSizeBytes: 150, gcsObjectCount: 12, extraCount: 2 } });
  const worked = { ...NOTHING_WORKED, objectsTransferred: 15, bytesTransferred: 150 };
  expect(await report({ worked })).toEqual({
    subfolders: 2,
    objects: { listed: 20, transferred: 15, skipped: 5, failed: 0 },
    bytes: { listed: 200, transferred: 150 },
    verified: true,
    failures: [],
    rounds: { checks: 1, repairs: 0, objectsRepaired: 0 },
    elapsedMs: 1,
  });
});

test('a subfolder that was never compared is a failure', async () => {
  await state.stateStore.addSubfolders(['new/']);
  expect(await report()).toMatchObject({
    verified: false,
    failures: [
      { key: 'root/new/', code: 'TRANSFER_UNCHECKED', message: expect.stringContaining('appeared') as string },
    ],
  });
});

test('a subfolder whose comparison failed is a failure with the reason', async () => {
  await checked('failed/', { error: 'SOURCE_UNAVAILABLE: no answer' });
  expect(await report()).toMatchObject({
    verified: false,
    failures: [{ key: 'root/failed/', code: 'TRANSFER_UNCHECKED', message: 'SOURCE_UNAVAILABLE: no answer' }],
  });
});

test('a subfolder whose reason is known already is named once', async () => {
  await checked('failed/', { error: 'SOURCE_UNAVAILABLE: no answer' });
  const subfolderFailures = [{ key: 'root/failed/', code: 'SOURCE_UNAVAILABLE', message: 'no answer' }];
  expect(await report({ subfolderFailures })).toMatchObject({ verified: false, failures: subfolderFailures });
});

test('figures that contradict each other are a failure', async () => {
  await checked('odd/', { figures: { ...EQUAL, gcsObjectCount: 9 } });
  expect(await report()).toMatchObject({
    objects: { failed: 0 },
    verified: false,
    failures: [{ key: 'root/odd/', code: 'TRANSFER_UNCHECKED' }],
  });
});

test('a subfolder with objects that are not equal is explained by their errors', async () => {
  await checked('some/', {
    figures: { ...EQUAL, gcsSizeBytes: 80, gcsObjectCount: 9, missingCount: 1, mismatchedCount: 2 },
  });
  const about = { dirKey: 'some/', attempts: 1, message: 'refused' };
  await state.stateStore.recordObjectErrors([
    { ...about, key: 'root/some/b', code: 'SOURCE_FORBIDDEN' },
    { ...about, key: 'root/some/a', code: 'CHECK_DIFFERENT' },
  ]);
  expect(await report()).toMatchObject({
    objects: { listed: 10, skipped: 7, failed: 3 },
    verified: false,
    failures: [
      { key: 'root/some/a', code: 'CHECK_DIFFERENT', message: 'refused' },
      { key: 'root/some/b', code: 'SOURCE_FORBIDDEN', message: 'refused' },
    ],
  });
});

test('subfolders come before objects where there are too many failures for a report', async () => {
  const subfolders = Array.from({ length: MAX_REPORTED_FAILURES - 1 }, (_, index) => `${index}/`);
  await state.stateStore.addSubfolders(subfolders);
  const about = { dirKey: '0/', code: 'CHECK_MISSING', attempts: 1, message: 'refused' };
  await state.stateStore.recordObjectErrors([
    { ...about, key: 'root/0/a' },
    { ...about, key: 'root/0/b' },
  ]);
  const { failures, verified } = await report();
  expect(verified).toBe(false);
  expect(failures).toHaveLength(MAX_REPORTED_FAILURES);
  expect(failures.filter(({ code }) => code === 'CHECK_MISSING')).toMatchObject([{ key: 'root/0/a' }]);
});
