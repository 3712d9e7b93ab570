import { afterEach, describe, expect, it } from 'vitest';
import { expectExitCode, type CommandResult, type RunningCommand } from './command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from './rehearsal.ts';
import { putNumberedObjects } from './source-objects.ts';
import { UploadGate } from './upload-gate.ts';

let gate: UploadGate;
let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;

async function startPublished(openGate: UploadGate): Promise<void> {
  gate = openGate;
  rehearsal = await Rehearsal.start({ interceptGcs: gate.intercept });
  contents = putNumberedObjects(rehearsal.source, 3, 20);
  expectExitCode(await rehearsal.command('dump', '--s3-bucket', SOURCE_BUCKET), 0);
  const publish = ['publisher', 'objects', '--s3-bucket', SOURCE_BUCKET, '--num-single-message', '2'];
  expectExitCode(await rehearsal.command(...publish), 0);
}
afterEach(() => rehearsal[Symbol.asyncDispose]());

function workerCommand(): readonly string[] {
  const buckets = ['--s3-bucket', SOURCE_BUCKET, '--gcs-bucket', DESTINATION_BUCKET];
  return ['worker', 'cdnTransfer', ...buckets, '--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
}

function transferredBy(result: CommandResult): number {
  expectExitCode(result, 0);
  return (JSON.parse(result.stdout) as { readonly objectsTransferred: number }).objectsTransferred;
}

async function stopAll(workers: readonly RunningCommand[]): Promise<number> {
  for (const worker of workers) worker.kill('SIGTERM');
  const results = await Promise.all(workers.map((worker) => worker.ended));
  return results.map(transferredBy).reduce((sum, count) => sum + count, 0);
}

function expectUploadedOnce(): void {
  expect([...rehearsal.uploads].filter(([, count]) => count !== 1)).toEqual([]);
}

describe('worker cdnTransfer', () => {
  it('shares the messages with another one, each object once, and ends with exit code 0 on SIGTERM', async () => {
    await startPublished(new UploadGate(Number.POSITIVE_INFINITY));
    const { stdout } = await rehearsal.command(...workerCommand(), '--dry-run');
    expect(stdout).toContain('would transfer the objects of 40 waiting messages');
    expect(rehearsal.gcs.objects.names(DESTINATION_BUCKET)).toEqual([]);

    await using first = rehearsal.start(...workerCommand(), '--json');
    await using second = rehearsal.start(...workerCommand(), '--json');
    // Whichever is slower to start may find nothing left to do; it must be there to be told to stop.
    await Promise.all([first, second].map((worker) => worker.waitForOutput('taking messages')));
    await second.whileRunning(gate.answered(contents.size));
    expect(await stopAll([first, second])).toBe(contents.size);
    expect(await rehearsal.destination()).toEqual(contents);
    expectUploadedOnce();
  });

  it('finishes what it holds on SIGTERM and leaves the rest to the next one', async () => {
    await startPublished(new UploadGate(10));
    await using first = rehearsal.start(...workerCommand(), '--json');
    await first.whileRunning(gate.answered(10));
    first.kill('SIGTERM');
    gate.release();
    const before = transferredBy(await first.ended);
    expect(before).toBe(rehearsal.gcs.objects.names(DESTINATION_BUCKET).length);
    expect(before).toBeLessThan(contents.size);

    await using second = rehearsal.start(...workerCommand(), '--json');
    await second.whileRunning(gate.answered(contents.size));
    expect(await stopAll([second])).toBe(contents.size - before);
    expect(await rehearsal.destination()).toEqual(contents);
    expectUploadedOnce();
  });

  it('takes nothing where the CDN has nothing at the place of an object that S3 lists', async () => {
    await startPublished(new UploadGate(0));
    const result = await rehearsal.command(
      ...workerCommand(),
      '--cloudfront-url-host-pre',
      `${rehearsal.cdn.url}/nowhere/`,
    );
    expectExitCode(result, 2);
    expect(result.stderr).toContain('check --cdn (cloudfront_url_host_pre) and replace_key_parts');
    const { stdout } = await rehearsal.command(...workerCommand(), '--dry-run');
    expect(stdout).toContain('would transfer the objects of 40 waiting messages');
  });
});
