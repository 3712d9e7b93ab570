import { appendFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { Subfolder } from '@object-transfer/core/domain/subfolder';
import type { RunRecord, StateStore, SubfolderCounts } from '@object-transfer/core/ports/state-store';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CommandResult, expectExitCode, type RunningCommand } from './command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';
import { putNumberedObjects } from './source-objects.ts';

let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;

/** Three folders and the root, transferred and not compared. */
beforeEach(async () => {
  rehearsal = await Rehearsal.start();
  contents = putNumberedObjects(rehearsal.source, 3, 20);
  expectExitCode(await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET), 0);
  expectExitCode(await rehearsal.command('publisher', 'objects', '--s3-bucket', SOURCE_BUCKET), 0);
  await using worker = rehearsal.start(...workerOf('cdnTransfer'));
  await worker.whileRunning(until(() => rehearsal.gcs.objects.names(DESTINATION_BUCKET).length === contents.size));
  await end(worker);
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

function workerOf(mode: string): readonly string[] {
  const buckets = ['--s3-bucket', SOURCE_BUCKET, '--gcs-bucket', DESTINATION_BUCKET];
  const cdn = mode === 'syncCheck' ? [] : ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
  return ['worker', mode, ...buckets, ...cdn, '--json'];
}

async function end(worker: RunningCommand): Promise<Record<string, number>> {
  worker.kill('SIGTERM');
  const result = await worker.ended;
  expectExitCode(result, 0);
  return JSON.parse(result.stdout) as Record<string, number>;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(20);
}

async function look<T>(at: (store: StateStore) => Promise<T>): Promise<T> {
  const state = await openEmbeddedState(rehearsal.path('object-transfer.sqlite'), { owner: 'test:1:00000000' });
  try {
    return await at(state.stateStore);
  } finally {
    await state.close();
  }
}

function counts(): Promise<SubfolderCounts> {
  return look((store) => store.countSubfolders());
}

function rows(): Promise<readonly Subfolder[]> {
  return look((store) => store.listSubfolders(undefined, 100));
}

function runs(): Promise<readonly RunRecord[]> {
  return look((store) => store.listRuns({ running: true, limit: 1 }));
}

async function publish(mode: string, ...flags: readonly string[]): Promise<string> {
  const result = await rehearsal.command('publisher', mode, '--s3-bucket', SOURCE_BUCKET, '--once', ...flags);
  expectExitCode(result, 0);
  return result.stdout;
}

/** Runs a worker until the state says what it is to say. @returns what the worker did */
async function work(
  mode: string,
  isDone: (found: SubfolderCounts) => boolean,
  ...flags: readonly string[]
): Promise<Record<string, number>> {
  await using worker = rehearsal.start(...workerOf(mode), ...flags);
  await worker.whileRunning(until(async () => isDone(await counts())));
  return await end(worker);
}

function tamper(): void {
  const { objects } = rehearsal.gcs;
  const [missing = '', different = ''] = [...contents.keys()];
  objects.remove(DESTINATION_BUCKET, missing);
  objects.put(DESTINATION_BUCKET, different, 'x'.repeat(contents.get(different)?.length ?? 0));
  const folder = [...contents.keys()].at(-1)?.split('/')[0] ?? '';
  for (const name of contents.keys()) if (name.startsWith(`${folder}/`)) objects.remove(DESTINATION_BUCKET, name);
}

describe('publishers and workers of comparisons and repairs', () => {
  it('find what is missing or different, repair it, and end with every subfolder verified', async () => {
    tamper();
    expect(await publish('sync-check')).toBe('4 subfolders published to be compared, in 1 message\n');
    const checked = await work('syncCheck', ({ checked: n }) => n === 4);
    expect(checked).toMatchObject({ subfoldersDone: 4, subfoldersFailed: 0 });
    expect(await counts()).toMatchObject({ verified: checked['subfoldersEqual'], total: 4 });
    expect(checked['objectsMissing']).toBeGreaterThan(1);
    expect(checked['objectsDifferent']).toBe(1);

    const unequal = 4 - (checked['subfoldersEqual'] ?? 0);
    expect(await publish('rsync', '--dry-run')).toContain(`${unequal} subfolders would be published to be repaired`);
    expect(await publish('rsync')).toContain(`${unequal} subfolders published to be repaired`);
    const repaired = await work('rsync', ({ verified }) => verified === 4);
    expect(repaired).toMatchObject({ subfoldersDone: unequal, subfoldersEqual: unequal, objectsDeleted: 0 });
    expect(repaired['objectsTransferred']).toBe((checked['objectsMissing'] ?? 0) + 1);
    expect(await rehearsal.destination()).toEqual(contents);
    expect(await publish('rsync')).toContain('0 subfolders published');
  });

  it('publish what was compared before once more, every night', async () => {
    await publish('sync-check');
    await work('syncCheck', ({ verified }) => verified === 4);
    expect(await publish('sync-check')).toContain('0 subfolders published');
    rehearsal.source.put('folder-0/new', 'new since');
    expect(await publish('sync-check', '--recheck')).toContain(
      '4 subfolders published to be compared, 4 of them compared before',
    );
    const checked = await work('syncCheck', ({ verified }) => verified === 3);
    expect(checked).toMatchObject({ subfoldersDone: 4, objectsMissing: 1 });
  });

  it('delete what only the destination has where they are asked to', async () => {
    const name = `${[...contents.keys()][0] ?? ''}-extra`;
    rehearsal.gcs.objects.put(DESTINATION_BUCKET, name, 'nobody has it');
    await publish('sync-check');
    await work('syncCheck', ({ verified }) => verified === 4);
    expect(await publish('rsync')).toContain('0 subfolders published');
    expect(await publish('rsync', '--delete-extra', 'true')).toContain('1 subfolder published');
    const repaired = await work('rsync', ({ repaired: n }) => n === 1, '--delete-extra', 'true');
    expect(repaired).toMatchObject({ objectsDeleted: 1, objectsTransferred: 0 });
    expect(await rehearsal.destination()).toEqual(contents);
  });

  it('refuse a second publisher of the same kind while the first one lives', async () => {
    await using first = rehearsal.start('publisher', 'rsync', '--s3-bucket', SOURCE_BUCKET);
    await first.whileRunning(until(async () => (await runs()).length > 0));
    const second = await rehearsal.command('publisher', 'rsync', '--s3-bucket', SOURCE_BUCKET, '--once');
    expectExitCode(second, 3);
    expect(second.stderr).toMatch(/error STATE_RUN_ACTIVE: publisher rsync is already running since .* on /);
    first.kill('SIGTERM');
    expectExitCode(await first.ended, 0);
  });

  it('let the nightly publisher work beside the one that runs all the time', async () => {
    await using always = rehearsal.start('publisher', 'sync-check', '--s3-bucket', SOURCE_BUCKET, '--json');
    await always.whileRunning(until(async () => (await rows()).some(({ syncCheckPublished }) => syncCheckPublished)));
    expect(await publish('sync-check', '--recheck')).toContain('0 subfolders published');
    always.kill('SIGTERM');
    expectExitCode(await always.ended, 0);
  });
});

function sync(...args: readonly string[]): Promise<CommandResult> {
  return rehearsal.command('sync', ...args, ...workerOf('rsync').slice(2));
}

describe('sync', () => {
  it('compares and repairs one subfolder, and leaves the others alone', async () => {
    tamper();
    const result = await sync('folder-2/');
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toMatchObject({
      verified: true,
      before: { missingCount: 20 },
      after: { missingCount: 0, gcsObjectCount: 20 },
      objectsTransferred: 20,
    });
    expect(await counts()).toMatchObject({ verified: 1, checked: 1 });
    expect(JSON.parse((await sync('folder-2')).stdout)).toMatchObject({ verified: true, objectsTransferred: 0 });
    // By its whole prefix, once more: there is nothing to do.
    const again = await sync(`s3://${SOURCE_BUCKET}/folder-2/`);
    expect(JSON.parse(again.stdout)).toMatchObject({ verified: true, objectsTransferred: 0 });
  });

  it('brings one object up to date, by its key', async () => {
    tamper();
    const [missing = '', different = '', equal = ''] = [...contents.keys()];
    expect(JSON.parse((await sync(missing)).stdout)).toMatchObject({ transferred: 1, failed: 0 });
    expect(JSON.parse((await sync(`s3://${SOURCE_BUCKET}/${different}`)).stdout)).toMatchObject({ transferred: 1 });
    expect(JSON.parse((await sync(equal)).stdout)).toMatchObject({ transferred: 0, skipped: 1 });
    const gone = await sync('folder-0/nowhere');
    expectExitCode(gone, 1);
    expect(gone.stdout).toContain('SOURCE_NOT_FOUND');
  });

  it('brings the objects of a manifest up to date, or publishes them, and begins with none that is wrong', async () => {
    tamper();
    const keys = [...contents.keys()];
    await writeFile(rehearsal.path('keys.jsonl'), keys.map((key) => `${JSON.stringify({ key })}\n`).join(''));
    const listed = ['--manifest', 'keys.jsonl', '--s3-bucket', SOURCE_BUCKET, '--json'];
    const published = await rehearsal.command('publisher', 'objects', ...listed);
    expectExitCode(published, 0);
    expect(JSON.parse(published.stdout)).toEqual({ objects: 80, messages: 2 });
    const result = await sync('--from-manifest', 'keys.jsonl');
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toMatchObject({ transferred: 22, skipped: 58, failed: 0 });
    expect(await rehearsal.destination()).toEqual(contents);
    await appendFile(rehearsal.path('keys.jsonl'), 'no JSON\n');
    rehearsal.gcs.objects.remove(DESTINATION_BUCKET, keys[0] ?? '');
    const wrong = await sync('--from-manifest', 'keys.jsonl');
    expectExitCode(wrong, 2);
    expect(wrong.stderr).toContain('keys.jsonl line 81');
    expect(rehearsal.gcs.objects.names(DESTINATION_BUCKET)).not.toContain(keys[0]);
  });

  it('names what it does not know, and a target that is missing', async () => {
    const unknown = await sync('s3://other/folder-0/');
    expectExitCode(unknown, 2);
    expect(unknown.stderr).toContain('s3://other/folder-0/ is not in the bucket');
    const slip = await sync('folder-9/');
    expectExitCode(slip, 2);
    expect(slip.stderr).toContain('"folder-9/" is no subfolder of the state, and no object');
    const nothing = await sync();
    expectExitCode(nothing, 2);
    expect(nothing.stderr).toContain('sync takes a subfolder or a key, or --from-manifest FILE');
  });
});
