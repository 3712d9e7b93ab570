import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SourceError } from '@object-transfer/core/domain/errors';
import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { createS3Connection, type S3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { runDump, type DumpOptions } from '@object-transfer/dump/run-dump';
import { startS3Server, type S3Server } from '@object-transfer/local-cloud/s3/s3-server';

const BUCKET = 'photos-live';

let directory: string;
let state: EmbeddedState;
let s3: S3Server;
let connection: S3Connection;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'run-dump-'));
  state = await openEmbeddedState(join(directory, 'state.sqlite'), { owner: 'host:1:00000000' });
  s3 = await startS3Server({ buckets: { [BUCKET]: {} } });
  connection = createS3Connection({
    bucket: BUCKET,
    region: 'us-east-1',
    endpointUrl: s3.url,
    credentials: 'anonymous',
  });
});
afterEach(async () => {
  await connection.close();
  await s3.close();
  await state.close();
  await rm(directory, { recursive: true });
});

function put(...keys: readonly string[]): void {
  for (const key of keys) s3.bucket(BUCKET).put(key, key);
}

async function dump(changes: Partial<DumpOptions> = {}) {
  return runDump({
    store: state.stateStore,
    from: { lister: createS3ObjectLister(connection) },
    s3Bucket: BUCKET,
    s3RootPrefix: 'photos/',
    dryRun: false,
    signal: new AbortController().signal,
    ...changes,
  });
}

async function dirKeys(): Promise<readonly string[]> {
  return (await state.stateStore.listSubfolders(undefined, 10_000)).map((row) => row.dirKey);
}

describe('runDump', () => {
  it('adds the subfolders of the root, and the root itself', async () => {
    put('photos/cat.jpg', 'photos/2019/a.jpg', 'photos/2019/deep/b.jpg', 'photos/PRE x /c', 'photos//d', 'other/e');
    expect(await dump()).toEqual({ listed: 4, new: 4, known: 0 });
    expect(await dirKeys()).toEqual(['', '/', '2019/', 'PRE x /']);
  });

  it('adds only what is new the next time, and tells apart what differs in case', async () => {
    put('photos/a/1');
    await dump();
    put('photos/A/1', 'photos/b/1');
    expect(await dump()).toEqual({ listed: 4, new: 2, known: 2 });
    expect(await dirKeys()).toEqual(['', 'A/', 'a/', 'b/']);
  });

  it('counts and writes nothing in a dry run', async () => {
    put('photos/a/1', 'photos/b/1');
    expect(await dump({ dryRun: true })).toEqual({ listed: 3, new: 3, known: 0 });
    expect(await dirKeys()).toEqual([]);
  });

  it('lists beyond one page and tells how far it is', async () => {
    put(...Array.from({ length: 2500 }, (_, index) => `photos/${index}/x`));
    const progress: number[] = [];
    const result = await dump({ onProgress: (subfolders) => progress.push(subfolders) });
    expect(result).toEqual({ listed: 2501, new: 2501, known: 0 });
    expect(progress).toEqual([1000, 2000, 2500]);
  });

  it('loads nothing where the listing fails half-way', async () => {
    const failing: ObjectLister = {
      async *listObjects() {
        yield { objects: [], commonPrefixes: ['photos/a/'] };
        await Promise.resolve();
        throw new SourceError('SOURCE_UNAVAILABLE', 'S3 answers 503', { op: 'ListObjectsV2' });
      },
    };
    await expect(dump({ from: { lister: failing } })).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
    expect(await dirKeys()).toEqual([]);
  });

  it('loads a dump file', async () => {
    const dumpFile = join(directory, 'dump.txt');
    const pre = ' '.repeat(27);
    await writeFile(dumpFile, `${pre}PRE 2019/\n${pre}PRE with space/\n2019-01-01 12:00:00          3 cat.jpg\n`);
    expect(await dump({ from: { dumpFile } })).toEqual({ listed: 3, new: 3, known: 0 });
    expect(await dirKeys()).toEqual(['', '2019/', 'with space/']);
  });

  it('loads nothing from a dump file whose subfolders and those that are there lie within each other', async () => {
    const dumpFile = join(directory, 'dump.txt');
    put('photos/a/b/1');
    await dump();
    await writeFile(dumpFile, 'a/b/\nz/\n');
    for (const dryRun of [true, false]) {
      await expect(dump({ from: { dumpFile }, dryRun })).rejects.toMatchObject({
        code: 'CONFIG_DUMP_FILE_FORMAT',
        message: expect.stringMatching(/"a\/b\/" lies within "a\/"/) as string,
      });
    }
    expect(await dirKeys()).toEqual(['', 'a/']);
  });

  it('loads nothing from a dump file that is wrong in its last line', async () => {
    const dumpFile = join(directory, 'dump.txt');
    await writeFile(dumpFile, 'a/\nb/\nc');
    await expect(dump({ from: { dumpFile } })).rejects.toMatchObject({ code: 'CONFIG_DUMP_FILE_FORMAT' });
    await expect(dump({ from: { dumpFile: join(directory, 'none.txt') } })).rejects.toMatchObject({
      code: 'CONFIG_UNREADABLE',
    });
    expect(await dirKeys()).toEqual([]);
  });

  it('loads nothing once it is told to stop', async () => {
    put('photos/a/1');
    await expect(dump({ signal: AbortSignal.abort() })).rejects.toThrow('aborted');
    expect(await dirKeys()).toEqual([]);
  });
});
