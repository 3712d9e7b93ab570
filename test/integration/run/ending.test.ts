import { spawnSync } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';
import { expectExitCode, type CommandResult } from '../../e2e/command.ts';
import { Rehearsal, type RehearsalOptions } from '../../e2e/rehearsal.ts';
import { putNumberedObjects } from '../../e2e/source-objects.ts';
import { isList } from './list-requests.ts';

/** A run that cannot go on ends, by itself and soon: here the command is a process whose end is waited for. */
const SOON_MS = 40_000;

/** Undone after a test, the last first, even where a run has not ended: nothing of it is left. */
let cleanup = new AsyncDisposableStack();
afterEach(async () => {
  const done = cleanup;
  cleanup = new AsyncDisposableStack();
  await done.disposeAsync();
});

async function rehearse(options: RehearsalOptions): Promise<Rehearsal> {
  return cleanup.use(await Rehearsal.start(options));
}

function run(cloud: Rehearsal, ...flags: readonly string[]): Promise<CommandResult> {
  return cleanup.use(cloud.start(...cloud.runFlags, ...flags)).ended;
}

/** Refuses what `matches` accepts, but for the first `passed` of it. */
function refuseAfter(
  passed: number,
  matches: (request: IncomingMessage) => boolean,
  refuse: (response: ServerResponse) => void,
): RequestInterceptor {
  let seen = 0;
  return (request, response) => {
    if (!matches(request) || ++seen <= passed) return false;
    refuse(response);
    return true;
  };
}

/** A dump, or the question whether the bucket can be listed at all. */
function listsSubfolders(request: IncomingMessage): boolean {
  return isList(request, '') && request.url?.includes('delimiter=') === true;
}

/** `checkBucket` of a command, by either of its requests. */
function asksForBucket({ method, url = '' }: IncomingMessage): boolean {
  return method === 'GET' && (url.endsWith('?fields=name') || url.includes('maxResults=1&'));
}

test(
  'a run that fails while it lists subfolders ends, after parts that could not be looked for',
  { timeout: SOON_MS },
  async () => {
    const cloud = await rehearse({
      interceptS3: refuseAfter(1, listsSubfolders, (response) => response.writeHead(403).end()),
      interceptGcs: ({ url = '' }, response) => {
        if (!url.includes('parts')) return false;
        response.writeHead(403).end();
        return true;
      },
    });
    cloud.source.put('folder/object', 'x');
    const result = await run(cloud);
    expectExitCode(result, 3);
    expect(result.stderr).toContain('temporary parts could not be looked for');
    expect(result.stderr).toContain('error SOURCE_FORBIDDEN: ');
    expect(await cloud.readReport()).toBeUndefined();
  },
);

describe('worker processes', () => {
  test('that keep crashing end the run after a few restarts', { timeout: SOON_MS }, async () => {
    const cloud = await rehearse({
      interceptGcs: refuseAfter(1, asksForBucket, (response) => response.writeHead(403).end()),
    });
    cloud.source.put('folder/object', 'x');
    const result = await run(cloud, '--processes', '2');
    expectExitCode(result, 3);
    expect(result.stderr).toMatch(/worker process [12] ended with exit code 3/);
    const restarts = result.stderr.split('\n').filter((line) => line.includes('starting it again'));
    expect(restarts.length).toBeGreaterThanOrEqual(5);
    expect(restarts.length).toBeLessThanOrEqual(10);
  });

  test('that cannot work as they are configured end the run at once', { timeout: SOON_MS }, async () => {
    const cloud = await rehearse({
      interceptGcs: refuseAfter(1, asksForBucket, (response) =>
        response.writeHead(404).end('{"error":{"code":404,"message":"The specified bucket does not exist."}}'),
      ),
    });
    cloud.source.put('folder/object', 'x');
    const result = await run(cloud, '--processes', '2');
    expectExitCode(result, 2);
    expect(result.stderr).toContain('there is no GCS bucket');
    expect(result.stderr).toMatch(/worker process [12] could not start/);
    expect(result.stderr).not.toContain('starting it again');
  });
});

test('a migration that has begun does not ask the CDN for proof again', { timeout: SOON_MS }, async () => {
  const cloud = await rehearse({});
  cloud.source.put('folder/object', 'x');
  expectExitCode(await run(cloud), 0);
  cloud.cdn.stats.reset();
  const result = await run(cloud);
  expectExitCode(result, 0);
  expect(await cloud.readReport()).toMatchObject({ objects: { listed: 1, skipped: 1 }, verified: true });
  expect(cloud.cdn.stats.requests).toBe(0);
});

const canMount = process.getuid?.() === 0 && spawnSync('mount', ['--version']).status === 0;

/** Leaves no byte free on the disk of a directory. */
function fill(directory: string): void {
  const file = openSync(join(directory, 'ballast'), 'w');
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

describe.skipIf(!canMount)('a disk that gets full while objects are transferred', () => {
  test.each([1, 2])('ends the run with %d processes', { timeout: SOON_MS }, async (processes) => {
    let disk = '';
    let isFull = false;
    const cloud = await rehearse({
      interceptGcs: ({ url = '' }) => {
        if (url.startsWith('/upload/') && !isFull) {
          isFull = true;
          fill(disk);
        }
        return false;
      },
    });
    disk = cloud.path('disk');
    await mkdir(disk);
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]).stderr.toString()).toBe('');
    cleanup.defer(() => void spawnSync('umount', [disk]));
    putNumberedObjects(cloud.source, 3, 50);
    const flags = ['--state', join(disk, 'state.sqlite'), '--num-single-message', '1', '--processes', `${processes}`];
    const result = await run(cloud, ...flags);
    expect(isFull).toBe(true);
    expectExitCode(result, 3);
    expect(result.stderr).toContain('error STATE_STORAGE_FULL: ');
    expect(await cloud.readReport()).toBeUndefined();
  });
});
