import { startGcsServer, type GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const BUCKET = 'rehearsal';
const run = promisify(execFile);
const isInstalled = (command: string): boolean => spawnSync(command, ['version']).status === 0;

/** The second is beyond the size at which either tool leaves the upload in one request. */
const FILES: Readonly<Record<string, Buffer>> = {
  'small.txt': Buffer.from('small\r\n--\r\n'),
  'deep/er/large file.bin': Buffer.alloc(9_000_000, 'large'),
  empty: Buffer.alloc(0),
  'ümlaut+&%.txt': Buffer.from('ü'),
};
const NAMES = Object.keys(FILES).toSorted();

let server: GcsServer;
let directory: string;

beforeEach(async () => {
  server = await startGcsServer({ buckets: [BUCKET] });
  directory = await mkdtemp(join(tmpdir(), 'gcs-tools-'));
  for (const [name, bytes] of Object.entries(FILES)) {
    const path = join(directory, 'source', name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  }
});
afterEach(async () => {
  await server.close();
  await rm(directory, { recursive: true });
});

async function expectUploaded(prefix: string): Promise<void> {
  expect(server.objects.names(BUCKET)).toEqual(NAMES.map((name) => prefix + name));
  for (const name of NAMES) expect((await server.objects.object(BUCKET, prefix + name))?.bytes).toEqual(FILES[name]);
}

async function expectDownloaded(path: string): Promise<void> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  expect(files.toSorted()).toEqual(NAMES.map((name) => join(path, name)).toSorted());
  for (const name of NAMES) expect(await readFile(join(path, name))).toEqual(FILES[name]);
}

const gcloud = (...command: string[]) =>
  run('gcloud', ['storage', ...command], {
    env: {
      ...process.env,
      CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE: `${server.url}/storage/v1/`,
      CLOUDSDK_AUTH_DISABLE_CREDENTIALS: 'true',
      CLOUDSDK_CONFIG: join(directory, 'gcloud'),
      CLOUDSDK_CORE_PROJECT: 'p',
      CLOUDSDK_CORE_DISABLE_PROMPTS: 'true',
    },
  });

const rclone = (...command: string[]) => {
  // With this variable set, rclone tries to load the file for every backend and fails.
  const { AWS_CA_BUNDLE: _, ...env } = process.env;
  return run('rclone', ['--config', join(directory, 'rclone.conf'), '--retries', '1', ...command], {
    env: {
      ...env,
      RCLONE_CONFIG_GCS_TYPE: 'gcs',
      RCLONE_CONFIG_GCS_ENDPOINT: server.url,
      RCLONE_CONFIG_GCS_ANONYMOUS: 'true',
      RCLONE_CONFIG_GCS_BUCKET_POLICY_ONLY: 'true',
    },
  });
};

describe.skipIf(!isInstalled('gcloud'))('gcloud storage', () => {
  it('copies up, lists, copies between names, synchronizes down and removes', async () => {
    await gcloud('rsync', '--recursive', join(directory, 'source'), `gs://${BUCKET}/p`);
    await expectUploaded('p/');
    expect(server.stats.operations.get('objects.insert.resumable')).toBe(1);
    const { stdout } = await gcloud('ls', '--recursive', '--long', `gs://${BUCKET}/p/`);
    for (const name of NAMES) expect(stdout).toContain(`gs://${BUCKET}/p/${name}\n`);
    await gcloud('rsync', '--recursive', '--checksums-only', `gs://${BUCKET}/p`, join(directory, 'down'));
    await expectDownloaded(join(directory, 'down'));
    await gcloud('cp', '--storage-class=NEARLINE', `gs://${BUCKET}/p/small.txt`, `gs://${BUCKET}/copy`);
    expect(server.objects.resource(BUCKET, 'copy')).toMatchObject({ storageClass: 'NEARLINE', size: '11' });
    await gcloud('rm', '--recursive', `gs://${BUCKET}/**`);
    expect(server.objects.names(BUCKET)).toEqual([]);
  });

  it('copies a directory up and one object out', async () => {
    await gcloud('cp', '--recursive', join(directory, 'source', '*'), `gs://${BUCKET}/q/`);
    await expectUploaded('q/');
    const { stdout } = await gcloud('cat', `gs://${BUCKET}/q/small.txt`);
    expect(stdout).toBe('small\r\n--\r\n');
  });
});

describe.skipIf(!isInstalled('rclone'))('rclone', () => {
  it('copies up, compares by checksum, copies down and between names, and purges', async () => {
    await rclone('copy', join(directory, 'source'), `gcs:${BUCKET}/p`);
    await expectUploaded('p/');
    await rclone('check', join(directory, 'source'), `gcs:${BUCKET}/p`);
    await rclone('copy', `gcs:${BUCKET}/p`, join(directory, 'down'));
    await expectDownloaded(join(directory, 'down'));
    await rclone('copyto', `gcs:${BUCKET}/p/small.txt`, `gcs:${BUCKET}/q/small.txt`);
    expect((await server.objects.object(BUCKET, 'q/small.txt'))?.bytes).toEqual(FILES['small.txt']);
    await rclone('delete', `gcs:${BUCKET}`);
    expect(server.objects.names(BUCKET)).toEqual([]);
  });

  it('uploads in chunks by POST, disguising 308', async () => {
    // Beyond 16 MiB rclone's library leaves multipart for a resumable upload.
    const bytes = Buffer.alloc(20_000_000, 'chunked');
    await mkdir(join(directory, 'chunked'));
    await writeFile(join(directory, 'chunked', 'big'), bytes);
    await rclone('copy', join(directory, 'chunked'), `gcs:${BUCKET}`);
    expect((await server.objects.object(BUCKET, 'big'))?.bytes).toEqual(bytes);
    expect(server.stats.operations.get('objects.insert.resumable.continue')).toBeGreaterThan(1);
  });
});
