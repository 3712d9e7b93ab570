import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, RunningCommand } from './command.ts';
import { DESTINATION_BUCKET, Rehearsal } from './rehearsal.ts';
import { putNumberedObjects } from './source-objects.ts';
import { UploadGate } from './upload-gate.ts';

const LARGE = 'folder-1/large';
const LARGE_CONTENT = Buffer.alloc(3.5 * 1024 * 1024, 'large object');
const PARTS_OF_LARGE = 4;
/** Of 121 objects: half-way, with messages done, messages begun and messages that nobody has taken yet. */
const UPLOADS_BEFORE_THE_END = 60;

let gate: UploadGate;
let rehearsal: Rehearsal;
let contents: Map<string, Buffer>;

beforeEach(async () => {
  gate = new UploadGate(UPLOADS_BEFORE_THE_END);
  rehearsal = await Rehearsal.start({ interceptGcs: gate.intercept });
  contents = putNumberedObjects(rehearsal.source, 3, 30);
  contents.set(LARGE, LARGE_CONTENT);
  rehearsal.source.put(LARGE, LARGE_CONTENT);
});
afterEach(() => rehearsal[Symbol.asyncDispose]());

/** With leases that outlive every test: what a dead run held must be taken over, not waited for. */
const FLAGS = [
  '--parallel-from-mib',
  '1',
  '--part-size-mib',
  '1',
  '--num-single-message',
  '1',
  '--lease-seconds',
  '600',
];

/** Resolves when objects have arrived, others are on their way, and the large one is there in parts. */
async function halfWay(command: RunningCommand): Promise<void> {
  await command.whileRunning(gate.answered(UPLOADS_BEFORE_THE_END));
  await command.whileRunning(gate.composing());
}

/** The objects that have arrived. Those that came through the gate were confirmed to the run. */
async function storedSoFar(): Promise<readonly string[]> {
  gate.release();
  await gate.idle();
  return rehearsal.gcs.objects.names(DESTINATION_BUCKET).filter((name) => contents.has(name));
}

/** Runs again, and holds that nothing that had been stored is read or written once more. */
async function expectResumed(stored: readonly string[], ...flags: readonly string[]): Promise<void> {
  expect(stored.length).toBeGreaterThanOrEqual(UPLOADS_BEFORE_THE_END);
  expect(stored.length).toBeLessThan(contents.size);
  rehearsal.cdn.stats.reset();
  const result = await rehearsal.run(...FLAGS, ...flags);
  expectExitCode(result, 0);
  expect(result.report).toMatchObject({
    objects: { listed: contents.size, transferred: contents.size - stored.length, skipped: stored.length, failed: 0 },
    verified: true,
  });
  const { getsByPath } = rehearsal.cdn.stats;
  expect(stored.filter((name) => getsByPath.has(`/${name}`))).toEqual([]);
  expect([...rehearsal.uploads].filter(([name, count]) => contents.has(name) && count !== 1)).toEqual([]);
  expect(await rehearsal.destination()).toEqual(contents);
}

describe('run, killed half-way and started again', () => {
  it('goes on after kill -9 without transferring again what had arrived', async () => {
    const first = rehearsal.start(...rehearsal.runFlags, ...FLAGS);
    await halfWay(first);
    first.kill('SIGKILL');
    const { signal } = await first.ended;
    expect(signal).toBe('SIGKILL');
    expect(await rehearsal.readReport()).toBeUndefined();
    const stored = await storedSoFar();
    // What the run left half-done is there, too; the next one clears it away.
    expect(rehearsal.gcs.objects.names(DESTINATION_BUCKET)).toHaveLength(stored.length + PARTS_OF_LARGE);
    await expectResumed(stored);
  });

  it('leaves no worker process behind when kill -9 hits the one that started them, and goes on', async () => {
    const first = rehearsal.start(...rehearsal.runFlags, ...FLAGS, '--processes', '2');
    await halfWay(first);
    first.kill('SIGKILL');
    gate.release();
    // Resolves only when the worker processes have ended, too.
    expect((await first.ended).signal).toBe('SIGKILL');
    await expectResumed(await storedSoFar(), '--processes', '2');
  });

  it('starts a worker process again that kill -9 has hit, and loses nothing of what it held', async () => {
    const flags = [...FLAGS, '--processes', '2', '--json'];
    await using run = rehearsal.start(...rehearsal.runFlags, ...flags);
    await halfWay(run);
    const [worker = 0, ...others] = await run.childPids();
    expect(others).toHaveLength(1);
    process.kill(worker, 'SIGKILL');
    gate.release();
    const result = await run.ended;
    expectExitCode(result, 0);
    expect(result.stderr).toContain('a worker process ended with SIGKILL; starting it again');
    expect(JSON.parse(result.stdout)).toMatchObject({ objects: { listed: contents.size, failed: 0 }, verified: true });
    // The parts that the killed process left are cleared away, too.
    expect(await rehearsal.destination()).toEqual(contents);
  });

  it('stops on SIGTERM with exit code 1, says how to go on, and goes on', async () => {
    await writeFile(rehearsal.path('report.json'), '{"verified":true}');
    const first = rehearsal.start(...rehearsal.runFlags, ...FLAGS);
    await halfWay(first);
    first.kill('SIGTERM');
    gate.release();
    const { exitCode, stderr } = await first.ended;
    expect(exitCode).toBe(1);
    expect(stderr).toContain('stopped by SIGTERM; run the same command again to go on');
    expect(await rehearsal.readReport()).toBeUndefined();
    await expectResumed(await storedSoFar());
  });

  it('finishes what its worker processes hold when Ctrl-C reaches all of them at once', async () => {
    const { directory: cwd, environment } = rehearsal;
    const args = [...rehearsal.runFlags, ...FLAGS, '--processes', '2'];
    await using first = new RunningCommand(args, { cwd, environment, ownGroup: true });
    await halfWay(first);
    first.killGroup('SIGINT');
    // That a process goes on tells itself by no event: within this time one that does not would be gone.
    await delay(1_000);
    gate.release();
    const result = await first.ended;
    expectExitCode(result, 1);
    expect(result.stderr).toContain('stopped by SIGINT; run the same command again to go on');
    expect(result.stderr).not.toContain('starting it again');
    expect(gate.dropped).toBe(0);
  });

  it('refuses a second run on the same state while the first one is at work', async () => {
    await using first = rehearsal.start(...rehearsal.runFlags, ...FLAGS);
    await halfWay(first);
    const second = await rehearsal.command(...rehearsal.runFlags);
    expect(second.exitCode).toBe(3);
    expect(second.stderr).toContain('STATE_RUN_ACTIVE');
    gate.release();
    expect((await first.ended).exitCode).toBe(0);
    expect(await rehearsal.destination()).toEqual(contents);
  });
});
