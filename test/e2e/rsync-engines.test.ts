import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import type { Subfolder } from '@object-transfer/core/domain/subfolder';
import { expectExitCode, RunningCommand } from './command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';
import { putNumberedObjects } from './source-objects.ts';

const GCLOUD = 'gcloud';
const isInstalled = spawnSync(GCLOUD, ['version']).status === 0;

let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;

/** A folder that has arrived, and was damaged since. */
beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  contents = putNumberedObjects(rehearsal.source, 1, 8);
  expectExitCode(await rehearsal.run(), 0);
  const { objects } = rehearsal.gcs;
  const [missing = '', truncated = '', changed = ''] = [...contents.keys()].filter((key) => key.includes('/'));
  objects.remove(DESTINATION_BUCKET, missing);
  objects.put(DESTINATION_BUCKET, truncated, contents.get(truncated)?.subarray(1) ?? '');
  objects.put(DESTINATION_BUCKET, changed, 'x'.repeat(contents.get(changed)?.length ?? 0));
  objects.put(DESTINATION_BUCKET, 'folder-0/extra', 'only here');
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

/** @returns what is left of the row once the times of the repair are left out */
async function repairBy(engine: string): Promise<Partial<Subfolder>> {
  const flags = ['--s3-bucket', SOURCE_BUCKET, '--gcs-bucket', DESTINATION_BUCKET, '--delete-extra', 'true'];
  const cdn = ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
  expectExitCode(await rehearsal.command('sync', 'folder-0/', '--rsync-engine', engine, ...flags, ...cdn), 0);
  expect(await rehearsal.destination()).toEqual(contents);
  const state = await openEmbeddedState(rehearsal.path('object-transfer.sqlite'), { owner: 'test:1:00000000' });
  try {
    expect(await state.stateStore.listOpenObjectErrors({ limit: 1 })).toEqual([]);
    const row = await state.stateStore.getSubfolder('folder-0/');
    return {
      ...row,
      syncCheckLastStart: undefined,
      syncCheckLastEnd: undefined,
      rsyncLastStart: undefined,
      rsyncLastEnd: undefined,
    };
  } finally {
    await state.close();
  }
}

const REPAIRED = {
  dirKey: 'folder-0/',
  s3ObjectCount: 8,
  gcsObjectCount: 8,
  missingCount: 0,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
  syncCheckFrequency: 2,
  rsyncFrequency: 1,
  rsyncAttempts: 0,
  rsyncError: undefined,
};

describe('a repair', () => {
  it('by the native engine mends every damage', async () => {
    expect(await repairBy('native')).toMatchObject(REPAIRED);
  });

  it.skipIf(!isInstalled)('by gcloud ends in the same state', async () => {
    expect(await repairBy('gcloud')).toMatchObject(REPAIRED);
  });

  it('by gcloud is refused where there is no gcloud', async () => {
    const flags = ['--s3-bucket', SOURCE_BUCKET, '--gcs-bucket', DESTINATION_BUCKET];
    const cdn = ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
    const environment = { ...rehearsal.environment, PATH: rehearsal.directory };
    const args = ['sync', 'folder-0/', '--rsync-engine', 'gcloud', ...flags, ...cdn];
    await using command = new RunningCommand(args, { cwd: rehearsal.directory, environment });
    const result = await command.ended;
    expectExitCode(result, 2);
    expect(result.stderr).toContain('CONFIG_TOOL_MISSING');
  });
});
