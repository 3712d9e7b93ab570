import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { startS3Server, type S3Server } from '@object-transfer/local-cloud/s3/s3-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const credentials = { accessKeyId: 'AKIDLOCAL', secretAccessKey: 'local/secret' };
const OLD = new Date('2020-01-01T00:00:00Z');
/** Legal as file names too. */
const names = [
  'with space',
  'plus+sign',
  "quote'",
  'brackets[1]*',
  'percent%20',
  'hash#?&',
  'emoji-😀',
  'nfd-e\u0301',
  'nfc-é',
  'empty',
];

describe('the S3 server, asked by tools', () => {
  let server: S3Server;
  let home: string;
  let env: NodeJS.ProcessEnv;

  beforeEach(async () => {
    server = await startS3Server({ buckets: { photos: {} }, credentials });
    home = await mkdtemp(path.join(tmpdir(), 's3-cli-'));
    await mkdir(path.join(home, 'in/sub'), { recursive: true });
    for (const name of names) await writeFile(path.join(home, 'in/sub', name), name === 'empty' ? '' : `<${name}>`);
    await writeFile(path.join(home, 'in/large'), Buffer.alloc(9 * 1024 * 1024, 'large '));
    // S3 tells times in whole seconds: a file of the same second would be newer than its copy, and be uploaded again.
    for (const name of ['large', ...names.map((one) => `sub/${one}`)])
      await utimes(path.join(home, 'in', name), OLD, OLD);
    env = {
      PATH: process.env['PATH'],
      HOME: home,
      LC_ALL: 'C.UTF-8',
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_S3: server.url,
    };
  });

  afterEach(async () => {
    await server.close();
    await rm(home, { recursive: true });
  });

  const aws = (...args: string[]) => run('aws', args, { env, cwd: home, timeout: 60_000 });
  const rclone = (...args: string[]) => run('rclone', [...args, '--config', ''], { env, cwd: home, timeout: 60_000 });

  const expectUploaded = async () => {
    for (const name of names)
      expect((await server.bucket('photos').content.stat(`sub/${name}`))?.size).toBe(
        Buffer.byteLength(name === 'empty' ? '' : `<${name}>`),
      );
  };
  const expectDownloaded = async () => {
    for (const name of ['large', ...names.map((one) => `sub/${one}`)]) {
      const [before, after] = await Promise.all(['in', 'out'].map((folder) => readFile(path.join(home, folder, name))));
      expect(after?.equals(before ?? Buffer.alloc(0))).toBe(true);
    }
  };

  it.skipIf(!isInstalled('aws'))('syncs both ways with the AWS CLI', async () => {
    await aws('s3', 'sync', 'in', 's3://photos');
    await expectUploaded();
    expect((await server.bucket('photos').content.stat('large'))?.etag).toMatch(/-2$/);
    const listed = await aws(
      's3api',
      'list-objects-v2',
      '--bucket',
      'photos',
      '--prefix',
      'sub/',
      '--query',
      'Contents[].Key',
      '--page-size',
      '3',
    );
    expect(JSON.parse(listed.stdout)).toEqual(
      names.map((name) => `sub/${name}`).toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    await aws('s3', 'sync', 's3://photos', 'out');
    await expectDownloaded();
    const second = await aws('s3', 'sync', 'in', 's3://photos');
    expect(second.stdout).toBe('');
    await aws('s3', 'rm', '--recursive', 's3://photos');
    expect(server.bucket('photos').content.cursor('').key).toBeUndefined();
    expect((await aws('s3', 'ls')).stdout).toContain(' photos\n');
    const location = await aws('s3api', 'get-bucket-location', '--bucket', 'photos');
    expect(JSON.parse(location.stdout)).toEqual({ LocationConstraint: null });
  });

  it.skipIf(!isInstalled('rclone'))('syncs both ways with rclone and finds no difference', async () => {
    const remote = `:s3,provider=Other,env_auth=true,force_path_style=true,endpoint="${server.url}",upload_cutoff=5Mi,chunk_size=5Mi:photos`;
    await rclone('copy', 'in', remote);
    await expectUploaded();
    expect((await server.bucket('photos').content.stat('large'))?.etag).toMatch(/-2$/);
    await rclone('copy', remote, 'out');
    await expectDownloaded();
    expect((await rclone('check', 'in', remote)).stderr).toContain('0 differences found');
    await rclone('delete', remote);
    expect(server.bucket('photos').content.cursor('').key).toBeUndefined();
  });
});

function isInstalled(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
