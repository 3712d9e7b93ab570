import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { syncByGcloud } from '@object-transfer/worker/rsync/gcloud-rsync';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Clouds, DESTINATION_BUCKET, never } from '../fixtures/clouds.ts';
import { findLeaks } from './find-leaks.ts';
import { CANARY_FILE, PAYLOADS } from './payloads.ts';

const AWS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: 'FwoGZXIvYXdzEBYaDsessionTokenOfTheTest',
};
/** What this process may hold and the CLI has no use for. */
const OURS = {
  CREDENTIALS: 'the credentials secret itself',
  OBJECT_TRANSFER_SECRET_CDN_KEY: 'the private key of the CDN',
  AWS_PROFILE: 'another-profile',
  NODE_OPTIONS: '--no-warnings',
  LD_PRELOAD: '',
};
/** Stands for the CLI: writes down what it was started with, and fails with all of it on stderr. */
const TELLING = `#!/bin/sh
cat /proc/$$/cmdline > "$0.cmdline"
cat /proc/$$/environ > "$0.environ"
tr '\\0' '\\n' < /proc/$$/environ >&2
exit 1
`;

let clouds: Clouds;
let directory: string;
let executable: string;
beforeEach(async () => {
  clouds = await Clouds.start();
  directory = await mkdtemp(join(tmpdir(), 'gcloud-child-'));
  executable = join(directory, 'gcloud');
  await writeFile(executable, TELLING, { mode: 0o755 });
  vi.stubEnv('TMPDIR', directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await clouds.close();
  await rm(directory, { recursive: true });
});

async function sync(dirKey: string): Promise<Error> {
  clouds.put(`${dirKey}object`, 'x');
  const failure = await syncByGcloud(
    {
      mapping: { s3RootPrefix: '', gcsRootPrefix: '' },
      s3Bucket: 'source',
      gcsBucket: DESTINATION_BUCKET,
      lister: clouds.lister,
      awsCredentials: () => Promise.resolve(AWS),
      executable,
      variables: { PATH: process.env['PATH'], HOME: directory, ...OURS },
      timeoutMs: 60_000,
      logger: pino({ level: 'silent' }),
    },
    dirKey,
    never,
  ).catch((error: unknown) => error);
  return failure as Error;
}

async function told(what: 'cmdline' | 'environ'): Promise<readonly string[]> {
  return (await readFile(`${executable}.${what}`, 'utf8')).split('\0').filter((part) => part !== '');
}

describe('the gcloud CLI', () => {
  it('gets no credentials as arguments, only the variables that it needs, and its output shows none', async () => {
    const error = await sync('a/');
    expect(error).toMatchObject({ code: 'TRANSFER_TOOL_FAILED' });
    const secrets = new Map(Object.entries({ ...AWS, ...OURS, NODE_OPTIONS: '' }));
    expect(findLeaks((await told('cmdline')).join('\n'), secrets)).toEqual([]);
    expect(findLeaks(error.message, secrets)).toEqual([]);
    expect(error.message).toContain('[redacted]');
    const environment = await told('environ');
    const unexpected = environment.filter(
      (variable) =>
        !/^(?:PATH|HOME|PWD|_|OLDPWD|SHLVL|CLOUDSDK_\w+|AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|EC2_METADATA_DISABLED|DEFAULT_REGION))=/.test(
          variable,
        ),
    );
    expect(unexpected).toEqual([]);
    expect(environment).toContain(`AWS_SECRET_ACCESS_KEY=${AWS.secretAccessKey}`);
    // Its private directory is gone.
    expect((await readdir(directory)).filter((name) => name.startsWith('object-transfer-'))).toEqual([]);
  });

  it('gets a dir name as a part of two URLs, never as an option or through a shell', async () => {
    for (const payload of PAYLOADS) {
      await rm(`${executable}.cmdline`, { force: true });
      const error = await sync(`${payload}/`);
      // Wildcards and what it takes for a generation are refused before anything runs.
      if ((error as { code?: unknown }).code === 'TRANSFER_NAME_AMBIGUOUS') continue;
      const args = await told('cmdline');
      expect(args.slice(-2)).toEqual([`s3://source/${payload}`, `gs://${DESTINATION_BUCKET}/${payload}`]);
      expect(args.slice(2, -2)).toEqual([
        'storage',
        'rsync',
        '--recursive',
        '--continue-on-error',
        '--no-user-output-enabled',
        '--verbosity=error',
      ]);
    }
    expect(existsSync(CANARY_FILE)).toBe(false);
    expect(existsSync(join(directory, CANARY_FILE))).toBe(false);
  });
});
