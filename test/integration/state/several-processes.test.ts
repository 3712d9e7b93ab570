import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isLeaseOwnerGone } from '@object-transfer/core/runtime/process-identity';
import { type EmbeddedState, openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { afterEach, beforeEach, expect, it } from 'vitest';

let directory: string;
let file: string;
let output: string;
let state: EmbeddedState;
let children: ChildProcess[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'processes-'));
  file = join(directory, 'state.db');
  output = join(directory, 'output');
  state = await openEmbeddedState(file, { owner: 'host:1:0000000a' });
  children = [];
});

afterEach(async () => {
  for (const child of children) await end(child, 'SIGKILL');
  await state.close();
  rmSync(directory, { recursive: true });
});

function start(program: string, ...args: string[]): ChildProcess {
  const child = fork(join(import.meta.dirname, program), [file, output, ...args], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  children.push(child);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

async function drained(): Promise<void> {
  for (;;) {
    const { waiting, leased } = await state.queue.backlog('objects');
    if (waiting + leased === 0) return;
    await delay(20);
  }
}

function outputLines(): readonly string[] {
  return existsSync(output) ? readFileSync(output, 'utf8').trimEnd().split('\n').toSorted() : [];
}

const MESSAGES = Array.from({ length: 600 }, (_, i) => `message ${String(i).padStart(4, '0')}`);

it('handles each message once when four processes share the file', async () => {
  const workers = [1, 2, 3, 4].map(() => start('queue-worker-process.ts', '600000'));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  for (let i = 0; i < MESSAGES.length; i += 50) {
    await state.queue.publish(
      'objects',
      MESSAGES.slice(i, i + 50).map((data) => ({ data })),
    );
  }
  await drained();
  await Promise.all(workers.map((worker) => end(worker, 'SIGTERM')));
  expect(outputLines()).toEqual(MESSAGES);
});

it('delivers the messages of a killed process to another, by reclaiming its leases', async () => {
  await state.queue.publish(
    'objects',
    MESSAGES.map((data) => ({ data })),
  );
  const holder = start('queue-worker-process.ts', '600000', 'hold');
  let said: unknown;
  while (said !== 'holding') [said] = await once(holder, 'message');
  expect(await state.queue.reclaimLeases(isLeaseOwnerGone)).toBe(0);
  await end(holder, 'SIGKILL');
  expect(await state.queue.backlog('objects')).toMatchObject({ leased: 10 });
  expect(await state.queue.reclaimLeases(isLeaseOwnerGone)).toBe(10);
  const workers = [1, 2].map(() => start('queue-worker-process.ts', '600000'));
  await drained();
  await Promise.all(workers.map((worker) => end(worker, 'SIGTERM')));
  expect(outputLines()).toEqual(MESSAGES);
});

it('delivers the messages of a killed process to another when their leases run out', async () => {
  await state.queue.publish(
    'objects',
    MESSAGES.slice(0, 30).map((data) => ({ data })),
  );
  const holder = start('queue-worker-process.ts', '500', 'hold');
  let said: unknown;
  while (said !== 'holding') [said] = await once(holder, 'message');
  await end(holder, 'SIGKILL');
  const worker = start('queue-worker-process.ts', '600000');
  await drained();
  await end(worker, 'SIGTERM');
  expect(outputLines()).toEqual(MESSAGES.slice(0, 30));
});

it('publishes each subfolder once when four processes claim, and loses nothing when one is killed', async () => {
  const dirs = Array.from({ length: 400 }, (_, i) => `dir-${String(i).padStart(3, '0')}/`);
  await state.stateStore.addSubfolders(dirs);
  const publishers = [1, 2, 3, 4].map(() => start('claim-process.ts'));
  const exits = publishers.map((publisher) => once(publisher, 'exit'));
  while (outputLines().length < 20) await delay(5);
  publishers[0]?.kill('SIGKILL');
  await Promise.all(exits);
  await state.stateStore.reclaimLeases(isLeaseOwnerGone);
  const [exit] = await once(start('claim-process.ts'), 'exit');
  expect(exit).toBe(0);

  const counts = await state.stateStore.countSubfolders();
  expect(counts).toMatchObject({ total: dirs.length, waiting: 0, published: dirs.length });
  const received = await state.queue
    .subscribe('objects')
    .pull({ maxMessages: 10_000, leaseMs: 1000, waitMs: 0, signal: new AbortController().signal });
  expect([...new Set(received.map((message) => message.data))].toSorted()).toEqual(dirs);
  // The one that was killed may have published a subfolder without confirming it.
  expect(received.length - dirs.length).toBeLessThanOrEqual(1);
});
