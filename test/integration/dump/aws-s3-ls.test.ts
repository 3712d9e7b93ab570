import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readDumpFile } from '@object-transfer/dump/read-dump-file';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';

const run = promisify(execFile);
const isInstalled = await run('aws', ['--version']).then(
  () => true,
  () => false,
);

const BUCKET = 'photos-live';
const NAMES = ['  two spaces', '(1)', '2019', 'PRE x', 'a+b & c', 'trailing ', 'ü—字😀'];

async function listing(...args: readonly string[]): Promise<string> {
  const s3 = await startS3Server({ buckets: { [BUCKET]: {} } });
  try {
    for (const name of NAMES) s3.bucket(BUCKET).put(`photos/${name}/x`, 'x');
    s3.bucket(BUCKET).put('photos/', '');
    s3.bucket(BUCKET).put('photos/cat 1.jpg', 'cat');
    const env = {
      PATH: process.env['PATH'],
      HOME: tmpdir(),
      AWS_ENDPOINT_URL_S3: s3.url,
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'key',
      AWS_DEFAULT_REGION: 'us-east-1',
      PYTHONIOENCODING: 'utf-8',
    };
    return (await run('aws', ['s3', 'ls', ...args], { env })).stdout;
  } finally {
    await s3.close();
  }
}

async function read(content: string): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'aws-s3-ls-'));
  try {
    await writeFile(join(directory, 'dump.txt'), content);
    const root = { s3Bucket: BUCKET, s3RootPrefix: 'photos/' };
    return await readDumpFile(join(directory, 'dump.txt'), root, new AbortController().signal);
  } finally {
    await rm(directory, { recursive: true });
  }
}

describe.skipIf(!isInstalled)('a dump file made by the AWS CLI', () => {
  it('names every subfolder as S3 has it', async () => {
    const output = await listing(`s3://${BUCKET}/photos/`, '--summarize', '--human-readable');
    expect(await read(output)).toEqual(NAMES.map((name) => `${name}/`));
  });

  it('is refused where the last slash was left out, as the manual of the reference tool does', async () => {
    await expect(read(await listing(`s3://${BUCKET}/photos`))).rejects.toThrow('with the slash at its end');
  });

  it('is refused where it was made with --recursive', async () => {
    await expect(read(await listing(`s3://${BUCKET}/photos/`, '--recursive'))).rejects.toThrow('without --recursive');
  });
});
