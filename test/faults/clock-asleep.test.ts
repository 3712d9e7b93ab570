import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { encodeObjectMessage } from '@object-transfer/core/domain/message-codec';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { isSqliteBusy } from '@object-transfer/core/state/sqlite-errors';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expectExitCode, RunningCommand } from '../e2e/command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { HostClock, HOUR_MS } from './clock-shift.ts';
import { RequestGate } from './shutdown-gate.ts';

/*
 * One machine, with all that it knows in a file: a process is suspended for longer than its leases, others do its work, and it wakes
 * up with answers of an hour ago.
 */

let reads: RequestGate;
let readsOfOther: RequestGate;
let asked: Set<string>;
let rehearsal: Rehearsal;
let clock: HostClock;

beforeEach(async () => {
  reads = new RequestGate(() => true);
  readsOfOther = new RequestGate((url) => url === '/other');
  asked = new Set();
  rehearsal = await Rehearsal.start({
    distribution: {
      intercept: async (request, response) => {
        const { url = '', headers } = request;
        // A look whether the CDN can be used, by a single byte, is no read.
        if (headers.range !== undefined) return false;
        asked.add(url);
        return (await reads.intercept(request, response)) || readsOfOther.intercept(request, response);
      },
    },
  });
  clock = new HostClock(rehearsal.path('clock'));
});
afterEach(async () => {
  for (const gate of [reads, readsOfOther]) gate.drop();
  await rehearsal[Symbol.asyncDispose]();
});

/** A command of this machine. */
function start(...args: readonly string[]): RunningCommand {
  return new RunningCommand(args, {
    cwd: rehearsal.directory,
    environment: clock.environment(rehearsal.environment),
  });
}

function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  return vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: 100_000, interval: 25 });
}

/** Puts a version of an object that is to be migrated. @returns what a listing says of it */
function put(key: string, content: string): ExpectedObject {
  const { size, etag } = rehearsal.source.put(key, content, { lastModifiedMs: Date.now() - HOUR_MS });
  return { key, sizeBytes: size, etag };
}

async function destination(): Promise<Readonly<Record<string, string>>> {
  const found = await rehearsal.destination();
  return Object.fromEntries(Array.from(found, ([name, bytes]) => [name, bytes.toString()]));
}

const stateFile = (): string => rehearsal.path('object-transfer.sqlite');

function select(sql: string): readonly Record<string, unknown>[] {
  using state = new DatabaseSync(stateFile(), { readOnly: true, timeout: 5_000 });
  return state.prepare(sql).all();
}

/**
 * A command falls asleep with these bytes on their way to it. Not while it writes to the state: it would keep all others from that as
 * long as it sleeps.
 * @param sizeBytes of all that it reads
 */
async function fallAsleep(command: RunningCommand, sizeBytes: number): Promise<void> {
  while (!(await sleepsWithoutLock(command))) {
    command.kill('SIGCONT');
    await delay(10);
  }
  reads.open();
  await until(() => rehearsal.cdn.cachedBytes() === sizeBytes);
  // What others read is what there is by then.
  rehearsal.cdn.invalidate();
}

async function sleepsWithoutLock(command: RunningCommand): Promise<boolean> {
  await command.suspend();
  using state = new DatabaseSync(stateFile(), { timeout: 0 });
  try {
    state.exec('BEGIN IMMEDIATE; ROLLBACK');
    return true;
  } catch (error) {
    if (!isSqliteBusy(error)) throw error;
    return false;
  }
}

/** One message of them. */
async function publish(...objects: readonly ExpectedObject[]): Promise<void> {
  const state = await openEmbeddedState(stateFile(), { owner: 'test:1:00000000' });
  await state.queue.publish('objects', [{ data: encodeObjectMessage('', objects) }]);
  await state.close();
}

function generationOf(name: string): string | undefined {
  return rehearsal.gcs.objects.resource(DESTINATION_BUCKET, name)?.generation;
}

/** By a migration that is over. How often all was compared is not in it: a run may do so until it is told of another. */
function whatIsLeft(): readonly unknown[] {
  return [
    select(
      `SELECT dir_key, cdn_transfer_published, objects_published, s3_object_count, gcs_object_count, missing_count,
              mismatched_count, sync_check_in_progress, sync_check_error, lease_owner FROM object_transfer_state`,
    ),
    select('SELECT * FROM object_transfer_state_object_errors'),
    select('SELECT * FROM queue_messages'),
    select('SELECT run_id, status, exit_message, ended_at FROM object_transfer_state_runs ORDER BY run_id'),
    rehearsal.gcs.objects.names(DESTINATION_BUCKET).map(generationOf),
  ];
}

describe('a process on one machine that sleeps for longer than its leases changes nothing of what others did:', () => {
  it('worker cdnTransfer, with old bytes, and a message that another worker has in its hands', async () => {
    await publish(put('changing', 'first'), put('other', 'content'));
    const source = ['--s3-bucket', SOURCE_BUCKET, '--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
    const worker = ['worker', 'cdnTransfer', ...source, '--gcs-bucket', DESTINATION_BUCKET, '--json'];
    reads.close();
    await using sleeper = start(...worker);
    await sleeper.whileRunning(until(() => asked.size === 2));
    await fallAsleep(sleeper, 'first'.length + 'content'.length);
    put('changing', 'second');
    await clock.set(HOUR_MS);

    readsOfOther.close();
    await using other = start(...worker);
    await other.whileRunning(readsOfOther.held);
    await other.whileRunning(until(() => generationOf('changing') !== undefined));
    const generation = generationOf('changing');
    const held = select('SELECT id, lease_owner FROM queue_messages');
    expect(held).toHaveLength(1);
    sleeper.kill('SIGCONT');
    // It ends what it has begun.
    sleeper.kill('SIGTERM');
    const woken = await sleeper.ended;
    expectExitCode(woken, 0);
    expect(JSON.parse(woken.stdout)).toMatchObject({ messages: 0, objectsTransferred: 0, objectsSkipped: 0 });
    expect(await destination()).toEqual({ changing: 'second', other: 'content' });
    expect(generationOf('changing')).toBe(generation);
    expect(select('SELECT id, lease_owner FROM queue_messages')).toEqual(held);

    readsOfOther.open();
    await other.whileRunning(until(() => select('SELECT id FROM queue_messages').length === 0));
    other.kill('SIGTERM');
    const ended = await other.ended;
    expectExitCode(ended, 0);
    expect(JSON.parse(ended.stdout)).toMatchObject({ messages: 1, objectsTransferred: 1, objectsSkipped: 1 });
    expect(await destination()).toEqual({ changing: 'second', other: 'content' });
  });

  it('run, whose place another run has taken, and which says so', async () => {
    put('changing', 'first');
    reads.close();
    await using sleeper = start(...rehearsal.runFlags);
    await sleeper.whileRunning(reads.held);
    await fallAsleep(sleeper, 'first'.length);
    put('changing', 'second');
    put('new', 'content');
    await clock.set(HOUR_MS);

    await using other = start(...rehearsal.runFlags);
    expectExitCode(await other.ended, 0);
    const report = await rehearsal.readReport();
    expect(report).toMatchObject({ objects: { listed: 2, failed: 0 }, verified: true });
    const before = whatIsLeft();
    sleeper.kill('SIGCONT');
    const woken = await sleeper.ended;
    expectExitCode(woken, 3);
    expect(woken.stderr).toContain('another run has taken over');
    expect(whatIsLeft()).toEqual(before);
    expect(await destination()).toEqual({ changing: 'second', new: 'content' });
    expect(await rehearsal.readReport()).toEqual(report);
  });
});
