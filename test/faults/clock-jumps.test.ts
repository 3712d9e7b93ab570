import { DatabaseSync } from 'node:sqlite';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { expectExitCode, RunningCommand } from '../e2e/command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { UploadGate } from '../e2e/upload-gate.ts';
import { HostClock, HOUR_MS } from './clock-shift.ts';
import { RequestGate } from './shutdown-gate.ts';

/** Of 48 objects: some have arrived, some are under way, some wait. */
const UPLOADS_BEFORE_THE_JUMP = 20;

let gate: UploadGate;
let listing: RequestGate;
let rehearsal: Rehearsal;
let clock: HostClock;
let contents: Map<string, Buffer>;

async function rehearse(letThrough: number, interceptGcs?: RequestInterceptor): Promise<void> {
  gate = new UploadGate(letThrough);
  listing = new RequestGate((url) => url.includes('prefix=folder-'));
  rehearsal = await Rehearsal.start({ interceptGcs: interceptGcs ?? gate.intercept, interceptS3: listing.intercept });
  clock = new HostClock(rehearsal.path('clock'));
  contents = putNumberedObjects(rehearsal.source, 3, 12);
}
afterEach(() => rehearsal[Symbol.asyncDispose]());

/** A command of the host whose clock jumps. */
function start(...args: readonly string[]): RunningCommand {
  return new RunningCommand(args, {
    cwd: rehearsal.directory,
    environment: clock.environment(rehearsal.environment),
  });
}

const SOURCE = ['--s3-bucket', SOURCE_BUCKET];

function worker(mode: string): readonly string[] {
  const cdn = mode === 'syncCheck' ? [] : ['--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
  return ['worker', mode, ...SOURCE, '--gcs-bucket', DESTINATION_BUCKET, ...cdn];
}

const JUMPS = [
  ['forward by hours', 5 * HOUR_MS],
  ['back by hours', -5 * HOUR_MS],
] as const;

describe.each(JUMPS)('a clock that is set %s', (_where, jumpMs) => {
  it('while a run transfers does not keep it from ending verified', async () => {
    await rehearse(UPLOADS_BEFORE_THE_JUMP);
    await using run = start(...rehearsal.runFlags, '--num-single-message', '1', '--lease-seconds', '10', '--json');
    await run.whileRunning(gate.seen(UPLOADS_BEFORE_THE_JUMP + 1));
    await clock.set(jumpMs);
    gate.release();
    const result = await run.ended;
    expectExitCode(result, 0);
    const report = JSON.parse(result.stdout) as { readonly elapsedMs: number };
    expect(report).toMatchObject({ objects: { listed: contents.size, failed: 0 }, verified: true });
    // What passed, and not what the clock says.
    expect(Math.abs(report.elapsedMs)).toBeLessThan(HOUR_MS);
    expect(await rehearsal.destination()).toEqual(contents);
  });
});

function look(sql: string): readonly Record<string, unknown>[] {
  using state = new DatabaseSync(rehearsal.path('object-transfer.sqlite'), { readOnly: true, timeout: 5_000 });
  return state.prepare(sql).all();
}

/** Dumped and published, an object in each message. */
async function publish(): Promise<void> {
  expectExitCode(await rehearsal.command('dump', ...SOURCE), 0);
  expectExitCode(await rehearsal.command('publisher', 'objects', ...SOURCE, '--num-single-message', '1'), 0);
}

function until(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => expect(condition()).toBe(true), { timeout: 100_000, interval: 50 });
}

async function kill(command: RunningCommand): Promise<void> {
  command.kill('SIGKILL');
  await command.ended;
}

describe('what was held when the clock was set back by hours', () => {
  it('by a worker that was killed is taken by the next worker, and not hours later', async () => {
    await rehearse(0);
    await publish();
    await using dead = start(...worker('cdnTransfer'));
    await dead.whileRunning(gate.seen(4));
    await kill(dead);
    gate.release();
    await clock.set(-5 * HOUR_MS);
    await using next = start(...worker('cdnTransfer'));
    await next.whileRunning(gate.answered(contents.size));
    next.kill('SIGTERM');
    expectExitCode(await next.ended, 0);
    expect(await rehearsal.destination()).toEqual(contents);
  });

  it('by a publisher that was killed is published by the next one', async () => {
    await rehearse(0);
    expectExitCode(await rehearsal.command('dump', ...SOURCE), 0);
    listing.close();
    await using dead = start('publisher', 'objects', ...SOURCE);
    await dead.whileRunning(listing.held);
    await kill(dead);
    listing.open();
    await clock.set(-5 * HOUR_MS);
    await using next = start('publisher', 'objects', ...SOURCE, '--lease-seconds', '10', '--json');
    const result = await next.ended;
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toMatchObject({ objects: contents.size, leasedByOthers: 0 });
  });

  it('by a comparison that was killed is compared by the next worker', async () => {
    await rehearse(Number.POSITIVE_INFINITY);
    expectExitCode(await rehearsal.run(), 0);
    expectExitCode(await rehearsal.command('publisher', 'sync-check', ...SOURCE, '--recheck', '--once'), 0);
    listing.close();
    await using dead = start(...worker('syncCheck'));
    await dead.whileRunning(listing.held);
    await kill(dead);
    listing.open();
    await clock.set(-5 * HOUR_MS);
    await using next = start(...worker('syncCheck'), '--json');
    await next.whileRunning(until(() => look('SELECT id FROM queue_messages').length === 0));
    next.kill('SIGTERM');
    const result = await next.ended;
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toMatchObject({ subfoldersDone: 4, subfoldersEqual: 4 });
  });

  it('for a later try comes again, and not hours later', async () => {
    let refuses = true;
    await rehearse(Number.POSITIVE_INFINITY, ({ url = '' }, response) => {
      if (!refuses || !url.startsWith('/upload/')) return false;
      response.writeHead(503).end();
      return true;
    });
    await publish();
    await using waiting = start(...worker('cdnTransfer'), '--max-attempts', '1');
    const isHandedBack = 'SELECT id FROM queue_messages WHERE available_at > 0 AND lease_owner IS NULL';
    await waiting.whileRunning(until(() => look(isHandedBack).length === contents.size));
    refuses = false;
    await clock.set(-5 * HOUR_MS);
    await waiting.whileRunning(until(() => look('SELECT id FROM queue_messages').length === 0));
    waiting.kill('SIGTERM');
    expectExitCode(await waiting.ended, 0);
    expect(await rehearsal.destination()).toEqual(contents);
  });
});

describe('a comparison that is asked for after the clock was set back by hours', () => {
  it('is not taken for the one that was made before', async () => {
    await rehearse(Number.POSITIVE_INFINITY);
    expectExitCode(await rehearsal.run(), 0);
    await clock.set(-5 * HOUR_MS);
    await using publisher = start('publisher', 'sync-check', ...SOURCE, '--recheck', '--once');
    expectExitCode(await publisher.ended, 0);
    await using checker = start(...worker('syncCheck'), '--json');
    await checker.whileRunning(until(() => look('SELECT id FROM queue_messages').length === 0));
    checker.kill('SIGTERM');
    const result = await checker.ended;
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toMatchObject({ subfoldersDone: 4, subfoldersEqual: 4, subfoldersSkipped: 0 });
  });
});
