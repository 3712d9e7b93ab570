import { afterEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
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

function workerCommand(...flags: readonly string[]): readonly string[] {
  const buckets = ['--s3-bucket', SOURCE_BUCKET, '--gcs-bucket', DESTINATION_BUCKET];
  const cdn = ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
  return ['worker', 'cdnTransfer', ...buckets, ...cdn, ...flags];
}

describe('worker cdnTransfer --processes', () => {
  it('works by as many processes, sums up what they did, and ends them on SIGTERM', async () => {
    await startPublished(new UploadGate(Number.POSITIVE_INFINITY));
    await using workers = rehearsal.start(...workerCommand('--processes', '3', '--json'));
    await workers.whileRunning(gate.answered(contents.size));
    expect(await workers.childPids()).toHaveLength(3);
    workers.kill('SIGTERM');
    const result = await workers.ended;
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toMatchObject({ objectsTransferred: contents.size, messages: 40 });
    const log = result.stderr.trimEnd().split('\n');
    expect(log.map((line) => JSON.parse(line) as unknown)).toContainEqual(
      expect.objectContaining({ severity: 'INFO', message: expect.stringMatching(/^stopping: /) as string }),
    );
    expect(await rehearsal.destination()).toEqual(contents);
  });

  it('starts a process again that kill -9 has hit, and loses nothing of what it held', async () => {
    await startPublished(new UploadGate(4));
    await using workers = rehearsal.start(...workerCommand('--processes', 'auto', '--lease-seconds', '10', '--json'));
    await workers.whileRunning(gate.answered(4));
    const [victim = 0] = await workers.childPids();
    process.kill(victim, 'SIGKILL');
    gate.release();
    await workers.waitForOutput('a worker process ended with SIGKILL; starting it again');
    await workers.whileRunning(gate.answered(contents.size));
    workers.kill('SIGTERM');
    expectExitCode(await workers.ended, 0);
    expect(await rehearsal.destination()).toEqual(contents);
  });

  it('leaves no process behind when kill -9 hits the one that started them', async () => {
    await startPublished(new UploadGate(0));
    await using workers = rehearsal.start(...workerCommand('--processes', '2'));
    await workers.waitForOutput('worker processes started');
    await workers.whileRunning(gate.seen(1));
    workers.kill('SIGKILL');
    gate.release();
    // Resolves when all that have its output open are gone.
    expect((await workers.ended).signal).toBe('SIGKILL');
  });

  it('says once what is wrong, and starts nothing', async () => {
    await startPublished(new UploadGate(0));
    const result = await rehearsal.command(...workerCommand('--processes', '3', '--gcs-bucket', 'no-such-bucket'));
    expectExitCode(result, 2);
    expect(result.stderr.match(/no-such-bucket/g)).toHaveLength(1);
  });
});
