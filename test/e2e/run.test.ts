import { readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MigrationReport } from '@object-transfer/run/migration-report';
import { expectExitCode } from './command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';
import { putNumberedObjects, totalBytes } from './source-objects.ts';

let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;

beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  contents = putNumberedObjects(rehearsal.source, 2, 5);
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

/** What the destination must hold of one folder of the source. */
function contentsBelow(folder: string, destinationFolder: string): Map<string, Buffer> {
  const below = [...contents].filter(([key]) => key.startsWith(folder));
  return new Map(below.map(([key, bytes]) => [destinationFolder + key.slice(folder.length), bytes]));
}

async function runVerified(...flags: readonly string[]): Promise<MigrationReport> {
  const result = await rehearsal.run(...flags);
  expectExitCode(result, 0);
  expect(result.report).toMatchObject({ verified: true, failures: [] });
  return result.report as MigrationReport;
}

describe('run', () => {
  it('writes a report of the promised shape, and nothing beside it', async () => {
    const { exitCode, report, stdout } = await rehearsal.run();
    expect(exitCode).toBe(0);
    const bytes = totalBytes(contents);
    expect(report).toEqual({
      subfolders: 3,
      objects: { listed: 15, transferred: 15, skipped: 0, failed: 0 },
      bytes: { listed: bytes, transferred: bytes },
      rounds: { checks: 1, repairs: 0, objectsRepaired: 0 },
      verified: true,
      failures: [],
      elapsedMs: expect.any(Number),
    });
    expect(Object.keys(report ?? {})).toEqual([
      'subfolders',
      'objects',
      'bytes',
      'rounds',
      'verified',
      'failures',
      'elapsedMs',
    ]);
    expect(stdout).toContain('VERIFIED');
    expect(await readdir(rehearsal.directory)).toEqual(['object-transfer.sqlite', 'report.json']);
    expect(await rehearsal.destination()).toEqual(contents);
  });

  it('prints the report as one line of JSON with --json', async () => {
    const { stdout, report } = await rehearsal.run('--json');
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual(report);
  });

  it('transfers nothing the second time, with the same state and with a new one', async () => {
    await runVerified();
    const { s3, cdn, gcs } = rehearsal;
    for (const { stats } of [s3, cdn, gcs]) stats.reset();
    const skippedAll = { listed: 15, transferred: 0, skipped: 15, failed: 0 };
    expect((await runVerified()).objects).toEqual(skippedAll);
    const { objects, bytes } = await runVerified('--state', 'fresh.sqlite');
    expect({ objects, transferred: bytes.transferred }).toEqual({ objects: skippedAll, transferred: 0 });
    // With a new state, one byte is read to try the CDN.
    expect(cdn.stats.requests).toBe(1);
    expect(s3.stats.operations.GetObject).toBe(0);
    expect(rehearsal.uploads.size).toBe(0);
  });

  it('brings the destination up to date: changed, new, tampered and removed objects, and no others', async () => {
    await runVerified();
    const put = (key: string, content: string) => {
      contents.set(key, Buffer.from(content));
      rehearsal.source.put(key, content);
    };
    put('folder-0/object-0001', 'changed at the source');
    put('folder-1/new', 'new in a known subfolder');
    put('folder-new/new', 'new in a new subfolder');
    // A copy of the changed object is in the cache, and is not what is listed.
    const { objects } = rehearsal.gcs;
    const tampered = contents.get('object-0002') ?? Buffer.alloc(0);
    objects.put(DESTINATION_BUCKET, 'object-0002', Buffer.alloc(tampered.length, 'x'));
    objects.remove(DESTINATION_BUCKET, 'folder-1/object-0004');
    objects.put(DESTINATION_BUCKET, 'folder-0/extra', 'of somebody else');
    objects.put(DESTINATION_BUCKET, 'elsewhere/extra', 'of somebody else');
    rehearsal.gcs.stats.reset();

    const dryRun = await rehearsal.command(...rehearsal.runFlags, '--dry-run', '--json');
    expectExitCode(dryRun, 0);
    expect(dryRun.stderr).toContain('a dry run writes no report');
    expect(JSON.parse(dryRun.stdout)).toMatchObject({
      subfolders: 4,
      objects: { listed: 17, missing: 3, different: 2, equal: 12 },
    });
    expect(rehearsal.uploads.size).toBe(0);

    const report = await runVerified();
    expect(report.objects).toEqual({ listed: 17, transferred: 5, skipped: 12, failed: 0 });
    expect(Object.fromEntries(rehearsal.uploads)).toEqual({
      'folder-0/object-0001': 1,
      'folder-1/new': 1,
      'folder-1/object-0004': 1,
      'folder-new/new': 1,
      'object-0002': 1,
    });
    contents.set('folder-0/extra', Buffer.from('of somebody else'));
    contents.set('elsewhere/extra', Buffer.from('of somebody else'));
    expect(await rehearsal.destination()).toEqual(contents);
  });

  it('takes a folder of the bucket to another folder, with several processes and large objects in parts', async () => {
    const large = Buffer.alloc(5 * 1024 * 1024 + 1, 'large object');
    contents.set('folder-0/large', large);
    rehearsal.source.put('folder-0/large', large);
    rehearsal.source.put('folder-00/not-in-the-folder', 'x');
    const buckets = ['--from', `s3://${SOURCE_BUCKET}/folder-0`, '--to', `gs://${DESTINATION_BUCKET}/copy/of`];
    const flags = [
      '--cdn',
      `${rehearsal.cdn.url}/`,
      '--processes',
      '2',
      '--part-size-mib',
      '1',
      '--parallel-from-mib',
      '1',
    ];
    expectExitCode(await rehearsal.command('run', ...buckets, ...flags), 0);
    expect(await rehearsal.destination()).toEqual(contentsBelow('folder-0/', 'copy/of/'));
  });

  it('takes its settings from a file, and those of the command line first', async () => {
    const settings = {
      s3_bucket: SOURCE_BUCKET,
      s3_root_prefix: 'no-such-folder',
      gcs_bucket: DESTINATION_BUCKET,
      cloudfront_url_host_pre: `${rehearsal.cdn.url}/`,
      num_single_message: 2,
    };
    await writeFile(rehearsal.path('settings.json'), JSON.stringify(settings));
    // The marker of the folder itself would have no name at the destination.
    rehearsal.source.put('folder-1/', '');
    expectExitCode(await rehearsal.command('run', '--config', 'settings.json', '--s3-root-prefix', 'folder-1'), 0);
    expect(await rehearsal.destination()).toEqual(contentsBelow('folder-1/', ''));
  });

  it('ends with exit code 1 and the reason where an object cannot be had', async () => {
    rehearsal.source.put('archived', 'x', { attributes: { storageClass: 'DEEP_ARCHIVE' } });
    const { exitCode, report, stdout } = await rehearsal.run();
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({
      objects: { listed: 16, transferred: 15, skipped: 0, failed: 1 },
      verified: false,
      failures: [{ key: 'archived', code: 'SOURCE_ARCHIVED', message: expect.any(String) }],
    });
    expect(stdout).toContain('NOT VERIFIED');
    expect(await rehearsal.destination()).toEqual(contents);
  });
});
