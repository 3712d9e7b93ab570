import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SourceError } from '@object-transfer/core/domain/errors';
import { syncByGcloud, type GcloudRsyncOptions } from '@object-transfer/worker/rsync/gcloud-rsync';
import { checkGcloud } from '@object-transfer/worker/rsync/gcloud-version';
import { Clouds, DESTINATION_BUCKET, firstTimes, isGet, never } from '../../fixtures/clouds.ts';

const GCLOUD = 'gcloud';
const isInstalled = spawnSync(GCLOUD, ['version']).status === 0;
const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const MULTIPART_ETAG = 'd41d8cd98f00b204e9800998ecf8427e-2';
const HTML = '<html><body>Please log in</body></html>';

let clouds: Clouds;
let directory: string;

beforeEach(async () => {
  clouds = await Clouds.start();
  directory = await mkdtemp(join(tmpdir(), 'gcloud-rsync-'));
  vi.stubEnv('TMPDIR', directory);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await clouds.close();
  await rm(directory, { recursive: true });
});

function sync(dirKey: string, overrides: Partial<GcloudRsyncOptions> = {}, signal = never): Promise<void> {
  const options: GcloudRsyncOptions = {
    mapping: { s3RootPrefix: 'live/', gcsRootPrefix: 'mirror/' },
    s3Bucket: 'source',
    gcsBucket: DESTINATION_BUCKET,
    lister: clouds.lister,
    awsCredentials: () => Promise.resolve({ accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: SECRET }),
    awsRegion: 'us-east-1',
    s3EndpointUrl: clouds.s3.url,
    storageEmulatorHost: clouds.gcs.url,
    variables: { PATH: process.env['PATH'], HOME: directory },
    timeoutMs: 100_000,
    logger: pino({ level: 'silent' }),
    ...overrides,
  };
  return syncByGcloud(options, dirKey, signal);
}

function names(): readonly string[] {
  return clouds.gcs.objects.names(DESTINATION_BUCKET);
}

function mirror(name: string, content: string): void {
  clouds.gcs.objects.put(DESTINATION_BUCKET, `mirror/${name}`, content);
}

async function contentOf(name: string): Promise<string | undefined> {
  return (await clouds.arrived(`mirror/${name}`))?.bytes.toString();
}

/** Listings that the CLI asks for, not ours. */
function isListingOfCli({ url, headers }: IncomingMessage): boolean {
  return url?.includes('list-type=2') === true && headers['user-agent']?.includes('Boto3') === true;
}

describe.skipIf(!isInstalled)('syncByGcloud, with the CLI that is installed,', () => {
  it('copies what is missing or different, and leaves all else alone', async () => {
    clouds.put('live/a/', '');
    clouds.put('live/a/missing', 'missing');
    clouds.put('live/a/other', 'new!');
    clouds.put('live/a/deep/er', 'deeper');
    clouds.put('live/ab/neighbour', 'neighbour');
    mirror('a/', '');
    mirror('a/other', 'old!');
    mirror('a/extra', 'extra');
    await sync('a/');
    expect(names()).toEqual(['mirror/a/', 'mirror/a/deep/er', 'mirror/a/extra', 'mirror/a/missing', 'mirror/a/other']);
    expect(await contentOf('a/other')).toBe('new!');
    expect(await readdir(directory)).toEqual([]);
  });

  it('copies the objects of the root row only', async () => {
    clouds.put('live/top', 'top');
    clouds.put('live/a/below', 'below');
    await sync('');
    expect(names()).toEqual(['mirror/top']);
  });

  it('copies a whole bucket into a whole bucket', async () => {
    clouds.put('top', 'top');
    await sync('', { mapping: { s3RootPrefix: '', gcsRootPrefix: '' } });
    expect(names()).toEqual(['top']);
  });

  it('takes names as they are that look dangerous', async () => {
    const keys = [
      'x*',
      '[x]?',
      'x//y',
      '../y',
      '.',
      ' a,b ',
      "$(id);'",
      'ä😀',
      'x#',
      '\u0001\t',
      '-r',
      'a',
      'a b',
      'a+b',
    ];
    for (const key of keys) clouds.put(`live/-d ä$%&/${key}`, key);
    mirror('-d ä$%&/a', 'a');
    await sync('-d ä$%&/');
    expect(new Set(names())).toEqual(new Set(keys.map((key) => `mirror/-d ä$%&/${key}`)));
    for (const key of keys) expect(await contentOf(`-d ä$%&/${key}`)).toBe(key);
    expect(clouds.gcs.stats.uploads(DESTINATION_BUCKET).get('mirror/-d ä$%&/a')).toBeUndefined();
  });

  it('leaves a checksum and the time of the source, and no other property of it', async () => {
    const attributes = { contentType: 'text/x-a', cacheControl: 'no-store', userMetadata: { who: 'me' } };
    clouds.put('live/a/object', 'abc', { attributes, lastModifiedMs: Date.UTC(2020, 1, 1) });
    await sync('a/');
    const { resource } = (await clouds.arrived('mirror/a/object')) ?? {};
    expect(resource).toMatchObject({
      contentType: 'application/octet-stream',
      metadata: { 'goog-reserved-file-mtime': '1580515200' },
      md5Hash: 'kAFQmDzST7DWlj99KOF/cg==',
    });
    expect(resource?.cacheControl).toBeUndefined();
  });

  it('cannot tell objects of the same size apart whose ETag is no MD5, and leaves out folder markers', async () => {
    clouds.put('live/a/parts', 'abcd', { etag: MULTIPART_ETAG });
    clouds.put('live/a/new-parts', 'abcd', { etag: MULTIPART_ETAG });
    clouds.put('live/a/marker/', '');
    mirror('a/parts', 'ABCD');
    await sync('a/');
    expect(names()).toEqual(['mirror/a/new-parts', 'mirror/a/parts']);
    expect(await contentOf('a/parts')).toBe('ABCD');
  });

  it('says what failed, after having copied the others', async () => {
    for (const key of ['live/a/1', 'live/a/2', 'live/a/3']) clouds.put(key, key);
    clouds.break(
      's3',
      firstTimes(Infinity, isGet('a/2'), (response) => response.writeHead(403).end()),
    );
    const failed = sync('a/');
    await expect(failed).rejects.toMatchObject({
      code: 'TRANSFER_TOOL_FAILED',
      message: expect.stringMatching(/^gcloud storage rsync of "a\/" ended with exit code 1: ERROR: .*403/) as string,
    });
    expect(names()).toEqual(['mirror/a/1', 'mirror/a/3']);
  });

  it.each([
    ['an error', 403, '', 'TRANSFER_TOOL_FAILED'],
    ['XML that breaks off', 200, '<ListBucketResult><Contents>', 'TRANSFER_TOOL_FAILED'],
    ['a page of a proxy', 200, HTML, undefined],
    ['an empty body', 200, '', undefined],
  ])('deletes nothing where the CLI gets %s for a listing', async (_what, status, body, code) => {
    clouds.put('live/a/object', 'object');
    mirror('a/object', 'object');
    mirror('a/extra', 'extra');
    clouds.break(
      's3',
      firstTimes(
        Infinity,
        (request) => isListingOfCli(request) && !request.url?.includes('delimiter=%2F'),
        (response) => response.writeHead(status).end(body),
      ),
    );
    const run = sync('a/').then(
      () => undefined,
      (error: { code?: string }) => error.code,
    );
    expect(await run).toBe(code);
    expect(names()).toEqual(['mirror/a/extra', 'mirror/a/object']);
  });

  it('ends the CLI when it is told to stop', async () => {
    clouds.put('live/a/object', 'object');
    const stop = new AbortController();
    const abandoned = Promise.withResolvers<unknown>();
    clouds.break('gcs', (request, response) => {
      if (request.method !== 'POST') return false;
      abandoned.resolve(once(response, 'close'));
      request.resume();
      stop.abort(new Error('enough'));
      return true;
    });
    await expect(sync('a/', {}, stop.signal)).rejects.toThrow('enough');
    await abandoned.promise;
    expect(await readdir(directory)).toEqual([]);
  });

  it('ends the CLI when its time is up: it would try for ever', async () => {
    clouds.put('live/a/object', 'object');
    clouds.break(
      'gcs',
      firstTimes(
        Infinity,
        () => true,
        (response) => response.writeHead(503).end(),
      ),
    );
    await expect(sync('a/', { timeoutMs: 4_000 })).rejects.toMatchObject({
      code: 'TRANSFER_TOOL_TIMEOUT',
      message: expect.stringContaining('did not end within 4 s and was stopped') as string,
    });
  });

  it('is of a version that can do this', async () => {
    const version = await checkGcloud({ variables: { PATH: process.env['PATH'], HOME: directory } }, never);
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('syncByGcloud, before anything runs,', () => {
  const executable = '/nonexistent/gcloud';

  it.each(['live/a/x#y', 'live/a/x\ny', 'live/a//y'])('refuses a folder that holds %j', async (key) => {
    clouds.put('live/a/fine', 'fine');
    clouds.put(key, 'x');
    const message = expect.stringContaining('rsync_engine native') as string;
    await expect(sync('a/', { executable })).rejects.toMatchObject({ code: 'TRANSFER_NAME_AMBIGUOUS', message });
  });

  it('refuses a folder whose name has wildcards, without listing it', async () => {
    await expect(sync('a*/', { executable })).rejects.toMatchObject({ code: 'TRANSFER_NAME_AMBIGUOUS' });
    expect(clouds.s3.stats.operations.ListObjectsV2).toBe(0);
  });

  it('does nothing for a folder without objects', async () => {
    clouds.put('live/a/', '');
    mirror('a/extra', 'extra');
    await sync('a/', { executable });
    expect(names()).toEqual(['mirror/a/extra']);
  });

  it('fails where the folder cannot be listed', async () => {
    clouds.put('live/a/object', 'object');
    clouds.source.listBucketAllowed = false;
    await expect(sync('a/', { executable })).rejects.toBeInstanceOf(SourceError);
  });

  it('says that the CLI is missing', async () => {
    clouds.put('live/a/object', 'object');
    await expect(sync('a/', { executable })).rejects.toMatchObject({ code: 'CONFIG_TOOL_MISSING' });
    expect(await readdir(directory)).toEqual([]);
  });
});
