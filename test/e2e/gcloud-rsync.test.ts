import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';
import { putNumberedObjects } from './source-objects.ts';

const GCLOUD = 'gcloud';
const isInstalled = spawnSync(GCLOUD, ['version']).status === 0;
const execute = promisify(execFile);

async function rsync(rehearsal: Rehearsal): Promise<void> {
  const command = ['storage', 'rsync', '--recursive', `s3://${SOURCE_BUCKET}`, `gs://${DESTINATION_BUCKET}`];
  await execute(GCLOUD, command, {
    // It repeats 5xx answers for ever.
    timeout: 100_000,
    env: {
      ...rehearsal.environment,
      CLOUDSDK_STORAGE_S3_ENDPOINT_URL: rehearsal.s3.url,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${rehearsal.gcs.url}/storage/v1/`,
      CLOUDSDK_AUTH_DISABLE_CREDENTIALS: 'true',
      CLOUDSDK_CONFIG: rehearsal.path('gcloud'),
      CLOUDSDK_CORE_PROJECT: 'p',
      CLOUDSDK_CORE_DISABLE_PROMPTS: 'true',
    },
  });
}

describe.skipIf(!isInstalled)('gcloud storage rsync of the same buckets, after run', () => {
  it('finds nothing to copy, and sees a single object that is new', async () => {
    await using rehearsal = await Rehearsal.start();
    const contents = putNumberedObjects(rehearsal.source, 2, 5);
    const lastModifiedMs = Date.UTC(2020, 1, 29, 12);
    for (const key of ['folder-0/ä +%&', 'folder-0/empty', 'folder-0/.hidden']) {
      contents.set(key, Buffer.from(key.endsWith('empty') ? '' : key));
      rehearsal.source.put(key, contents.get(key) ?? '', { lastModifiedMs });
    }
    expectExitCode(await rehearsal.run(), 0);
    const { stats } = rehearsal.gcs;
    stats.reset();
    await rsync(rehearsal);
    expect(stats.operations.get('objects.list')).toBeGreaterThan(0);
    expect(rehearsal.uploads.size).toBe(0);
    expect(stats.operations.get('objects.patch')).toBeUndefined();

    rehearsal.source.put('folder-1/new', 'new');
    await rsync(rehearsal);
    expect([...rehearsal.uploads.keys()]).toEqual(['folder-1/new']);
    expect(await rehearsal.destination()).toEqual(contents.set('folder-1/new', Buffer.from('new')));
  });
});
