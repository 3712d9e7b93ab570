import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningCommand, type CommandResult } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-check-'));
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(join(directory, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(
    join(directory, 'worker.yaml'),
    [
      's3_bucket: photos-live',
      'gcs_bucket: photos-copy',
      'cloudfront_url_host_pre: https://d111111abcdef8.cloudfront.net/',
      "replace_key_parts: \"{'/raw/': '/'}\"",
      'url_signer_key_pair_id: K2JCJMDEHXQW5F',
      'url_signer_private_key_file: key.pem',
      'mysql_table: transfer_state',
      'credentials_secret_id: env:CREDENTIALS',
      'include: [a/**]',
      '',
    ].join('\n'),
  );
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function check(args: string, variables: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
  const environment = { ...bareEnvironment(directory), ...variables };
  await using command = new RunningCommand(['config', 'check', ...args.split(' ')], { cwd: directory, environment });
  return await command.ended;
}

const WORKER = 'worker cdnTransfer --config worker.yaml';
const MYSQL = { host: 'db', user: 'tool', password: 'c2VjcmV0', database: 'transfer' };

describe('config check', () => {
  it('prints every setting with its unit and where it comes from, and what follows from them', async () => {
    const { exitCode, stdout, stderr } = await check(`${WORKER} --part-size-mib 32`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    for (const line of [
      /^worker cdnTransfer: the settings are valid \(defaults of one machine\)$/m,
      /^ {2}s3_bucket +photos-live +worker\.yaml line 1$/m,
      /^ {2}part_size_mib +32 MiB +--part-size-mib on the command line$/m,
      /^ {2}signed_url_expire_seconds +604800 seconds +default$/m,
      /^ {2}s3_root_prefix +"" +default$/m,
      /^ {2}gcs_storage_class +- +not given$/m,
      /^for other commands: include$/m,
      /^state: MySQL$/m,
      /^queue: SQLite file$/m,
      /^secrets: environment and files$/m,
      /^credentials_secret_id "env:CREDENTIALS": not read$/m,
      /^url_signer_private_key_file "key\.pem": not read$/m,
      /^not checked: the secrets \(--secrets reads them\), and whether buckets/m,
    ]) {
      expect(stdout).toMatch(line);
    }
  });

  it('reads the secrets where it is asked to, and tells what they hold without a value', async () => {
    const text = JSON.stringify({ mysql_config: MYSQL, note: 'c2VjcmV0' });
    const { exitCode, stdout } = await check(`${WORKER} --secrets`, { CREDENTIALS: text });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^credentials_secret_id "env:CREDENTIALS": no AWS keys: .*; a MySQL login$/m);
    expect(stdout).toMatch(/^url_signer_private_key_file "key\.pem": a private key that CloudFront takes$/m);
    expect(stdout).toMatch(/^warning: the secret "env:CREDENTIALS" has a field that nobody reads: note$/m);
    expect(stdout).toMatch(/^not checked: whether buckets/m);
    expect(stdout).not.toContain('c2VjcmV0');
  });

  it.each([
    ['a secret that is not there', {}, 'no secret "env:CREDENTIALS"'],
    ['a secret that is wrong', { CREDENTIALS: '{"aws_key_id": "c2VjcmV0"}' }, 'aws_key_secret is missing'],
    ['a secret that is not even a payload', { CREDENTIALS: 'c2VjcmV0' }, 'neither JSON nor a Python dict'],
    ['a secret without the login that is needed', { CREDENTIALS: '{}' }, 'has no mysql_config'],
  ])('ends with exit code 2 for %s', async (_what, variables, message) => {
    const { exitCode, stdout, stderr } = await check(`${WORKER} --secrets`, variables);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('c2VjcmV0');
  });

  it('ends with exit code 2 for wrong settings, and names all of them', async () => {
    const { exitCode, stdout, stderr } = await check(`${WORKER} --max-attempts 0 --pubsub-subscription-id objects`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toContain('3 settings are wrong (worker cdnTransfer)');
    expect(stderr).toContain('max_attempts (--max-attempts on the command line) must be a whole number');
    expect(stderr).toContain('error_pubsub_topic_id is missing');
    expect(stderr).toContain('gcp_project is missing');
  });

  it('prints the same as JSON', async () => {
    const { exitCode, stdout } = await check(`${WORKER} --json`);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      module: 'worker cdnTransfer',
      deployment: 'embedded',
      fields: expect.arrayContaining([
        { name: 's3_bucket', value: 'photos-live', unit: null, from: 'worker.yaml line 1' },
        { name: 'part_size_mib', value: 64, unit: 'MiB', from: 'default' },
        { name: 'aws_region', value: null, unit: null, from: null },
      ]) as unknown,
      passedBy: ['include'],
      adapters: { state: 'mysql', queue: 'sqlite', secrets: 'environment' },
      secrets: [
        { field: 'credentials_secret_id', name: 'env:CREDENTIALS', holds: null },
        { field: 'url_signer_private_key_file', name: 'key.pem', holds: null },
      ],
      warnings: [],
    });
  });

  it('takes a file as the payload of an entity', async () => {
    const { exitCode, stderr } = await check(`${WORKER} --fleet`);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('pubsub_subscription_id is missing');
    const fields = '--gcp-project p --mysql-table t --credentials-secret-id c --pubsub-topic-id objects';
    const { stdout } = await check(`publisher objects --fleet --s3-bucket photos-live ${fields}`);
    expect(stdout).toMatch(/^ {2}storage_class +STANDARD +default$/m);
    expect(stdout).toMatch(/^queue: Pub\/Sub$/m);
  });

  it.each(['dump', 'dumpToMySQL'])('takes %s without a bucket, and says what it then needs', async (name) => {
    const { exitCode, stdout } = await check(name);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('warning: s3_bucket is not given: the command then needs --dump-file');
  });

  it.each([
    ['publisher publishObjectsList', 'publisher objects'],
    ['publisher publishDirList', 'publisher sync-check'],
    ['publisher rsync', 'publisher rsync'],
  ])('knows %s as %s', async (spelling, name) => {
    expect((await check(`${spelling} --s3_bucket photos-live`)).stdout).toContain(`${name}: the settings are valid`);
  });
});
