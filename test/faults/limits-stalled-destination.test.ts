import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { expectExitCode, RunningCommand } from '../e2e/command.ts';
import { DESTINATION_BUCKET, Rehearsal, SOURCE_BUCKET } from '../e2e/rehearsal.ts';
import { MAX_RSS_BYTES, maxFds, maxSockets } from './limits-bounds.ts';
import { ProcessWatch } from './limits-process-watch.ts';
import { RequestGate } from './shutdown-gate.ts';

const MIB = 1024 * 1024;
/** More than a process may hold at a time, in messages and in bytes. */
const OBJECTS = 120;
const OBJECT_BYTES = 3 * MIB;
const CONCURRENCY = 16;
/** Of the worker mode `cdnTransfer`: `MESSAGES_IN_FLIGHT`. */
const MESSAGES_IN_FLIGHT = 16;

const uploads = new RequestGate((url) => url.startsWith('/upload/'));
let rehearsal: Rehearsal;
beforeEach(async () => {
  rehearsal = await Rehearsal.start({ interceptGcs: uploads.intercept });
});
afterEach(async () => {
  uploads.drop();
  await rehearsal[Symbol.asyncDispose]();
});

async function queued(): Promise<{ readonly waiting: number; readonly leased: number }> {
  const state = await openEmbeddedState(rehearsal.path('object-transfer.sqlite'), { owner: 'test:1:00000000' });
  try {
    return await state.queue.backlog('objects');
  } finally {
    await state.close();
  }
}

/** Resolves when nothing more is asked of the CDN: what the worker takes without giving, it has taken. */
async function untilNothingMoves(): Promise<void> {
  for (let requests = -1; requests !== rehearsal.cdn.stats.requests; await delay(500)) {
    requests = rehearsal.cdn.stats.requests;
  }
}

it('a worker whose destination stands still takes no more messages and bytes than it may hold, and goes on', async () => {
  const content = Buffer.alloc(OBJECT_BYTES, 'content ');
  for (let index = 0; index < OBJECTS; index++) rehearsal.source.put(`folder/${index}`, content);
  const source = ['--s3-bucket', SOURCE_BUCKET];
  expectExitCode(await rehearsal.command('dump', ...source), 0);
  expectExitCode(await rehearsal.command('publisher', 'objects', ...source, '--num-single-message', '1'), 0);

  uploads.close();
  const destination = ['--gcs-bucket', DESTINATION_BUCKET, '--cloudfront-url-host-pre', `${rehearsal.cdn.url}/`];
  const limits = ['--max-concurrency', `${CONCURRENCY}`, '--memory-budget-mib', '16'];
  await using worker = new RunningCommand(['worker', 'cdnTransfer', ...source, ...destination, ...limits], {
    cwd: rehearsal.directory,
    environment: rehearsal.environment,
    // Called by its own name, as it is installed: its first line has flags for the memory.
    node: '/usr/bin/env',
  });
  using watch = new ProcessWatch(worker.pid);
  await worker.whileRunning(uploads.held);
  await worker.whileRunning(untilNothingMoves());
  const { leased, waiting } = await queued();
  expect(leased).toBeGreaterThan(0);
  expect(leased).toBeLessThanOrEqual(MESSAGES_IN_FLIGHT);
  expect(waiting).toBe(OBJECTS - leased);
  expect(watch.peaks.rssBytes).toBeLessThanOrEqual(MAX_RSS_BYTES);
  expect(watch.peaks.sockets).toBeLessThanOrEqual(maxSockets(CONCURRENCY));
  expect(watch.peaks.fds).toBeLessThanOrEqual(maxFds(CONCURRENCY));

  uploads.open();
  const arrived = (): number => rehearsal.gcs.objects.names(DESTINATION_BUCKET).length;
  await worker.whileRunning(vi.waitFor(() => expect(arrived()).toBe(OBJECTS), { timeout: 100_000 }));
  worker.kill('SIGTERM');
  expectExitCode(await worker.ended, 0);
  expect(watch.peaks.rssBytes).toBeLessThanOrEqual(MAX_RSS_BYTES);
});
