import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode, RunningCommand } from '../e2e/command.ts';
import { Rehearsal } from '../e2e/rehearsal.ts';
import { putNumberedObjects } from '../e2e/source-objects.ts';
import { maxFds, maxSockets, MAX_RSS_BYTES } from './limits-bounds.ts';
import { complaints, monitored, readMonitored, STALL_MS } from './limits-monitor.ts';
import { ProcessWatch } from './limits-process-watch.ts';

let cleanup: AsyncDisposableStack;
let directory: string;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  directory = await mkdtemp(join(tmpdir(), 'object-transfer-limits-'));
  cleanup.defer(() => rm(directory, { recursive: true }));
});
afterEach(() => cleanup.disposeAsync());

/** A process that runs a script until its stdin is closed. */
async function start(script: string, environment: Readonly<Record<string, string>> = {}): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', script], { env: environment, stdio: ['pipe', 'pipe', 'ignore'] });
  cleanup.defer(() => void child.kill('SIGKILL'));
  if (child.stdout === null) throw new TypeError('a piped stdout is a stream');
  await once(child.stdout, 'data');
  return child;
}

const RUNNING = "process.stdout.write('running'); process.stdin.resume();";

describe('ProcessWatch', () => {
  it('sees descriptors, sockets and memory of a process, and what it had once', async () => {
    const { pid = 0 } = await start(`
      const { createServer, connect } = require('node:net');
      const files = Array.from({ length: 30 }, () => require('node:fs').openSync('/dev/null'));
      globalThis.held = [files, Buffer.alloc(64 * 1024 * 1024, 1)];
      const server = createServer().listen(0, '127.0.0.1', () => {
        let connected = 0;
        const opened = () => { if (++connected === 10) { ${RUNNING} } };
        for (let index = 0; index < 10; index++) connect(server.address().port, '127.0.0.1', opened);
      });`);
    const { pid: bare = 0 } = await start(RUNNING);
    using watch = new ProcessWatch(pid);
    using bareWatch = new ProcessWatch(bare);
    const [own, of] = [bareWatch.look(), watch.look()];
    // Both ends of each connection, and the listener.
    expect(of.sockets - own.sockets).toBe(21);
    expect(of.fds - own.fds).toBeGreaterThanOrEqual(51);
    expect(of.rssBytes - own.rssBytes).toBeGreaterThan(56 * 1024 * 1024);
    process.kill(pid, 'SIGKILL');
    const held = () => watch.look().fds + watch.look().rssBytes;
    await expect.poll(held, { timeout: 60_000 }).toBe(0);
    expect(watch.peaks).toMatchObject({ sockets: of.sockets, processes: 1 });
    expect(watch.looks).toBeGreaterThanOrEqual(2);
  });

  it('counts the processes that a process starts along with it', async () => {
    const { pid = 0 } = await start(`
      const { spawn } = require('node:child_process');
      const child = spawn(process.execPath, ['-e', ${JSON.stringify(RUNNING)}], { stdio: ['pipe', 'pipe', 'ignore'] });
      child.stdout.once('data', () => { ${RUNNING} });`);
    using watch = new ProcessWatch(pid);
    const { processes, rssBytes, treeRssBytes } = watch.peaks;
    expect(processes).toBe(2);
    expect(treeRssBytes).toBeGreaterThan(rssBytes * 1.5);
  });
});

describe('a monitored process', () => {
  it('tells a stalled event loop, warnings, and what nobody handled, and ends as it would have', async () => {
    const file = join(directory, 'monitor.jsonl');
    const child = await start(
      `const usedMs = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1000; };
       ${RUNNING} process.stdin.once('end', () => {
         const until = usedMs() + ${STALL_MS * 1.5};
         while (usedMs() < until);
         process.emitWarning('too many');
         setTimeout(() => Promise.reject(new Error('lost')), 200);
       });`,
      monitored({}, file),
    );
    expect(await readMonitored(file)).toMatchObject([{ pid: child.pid, end: undefined }]);
    child.stdin?.end();
    expect((await once(child, 'exit')) as unknown).toEqual([1, null]);
    const processes = await readMonitored(file);
    expect(processes[0]?.end?.uncaught).toEqual([expect.stringContaining('unhandledRejection: Error: lost') as string]);
    expect(complaints(processes)).toEqual([
      expect.stringContaining('uncaught: unhandledRejection: Error: lost') as string,
      expect.stringContaining('warned: Warning: too many') as string,
      expect.stringMatching(/stalled for \d{4} ms after/) as string,
    ]);
  });
});

describe('run with two worker processes', () => {
  it('stays within its bounds, stalls nowhere, and leaves no rejection unhandled', async () => {
    await using rehearsal = await Rehearsal.start();
    const contents = putNumberedObjects(rehearsal.source, 4, 100);
    const file = rehearsal.path('monitor.jsonl');
    const concurrency = 16;
    const flags = ['--processes', '2', '--max-concurrency', `${concurrency}`];
    await using run = new RunningCommand([...rehearsal.runFlags, ...flags], {
      cwd: rehearsal.directory,
      environment: monitored(rehearsal.environment, file),
      // Called by its own name, as it is installed: its first line has flags for the memory.
      node: '/usr/bin/env',
    });
    using watch = new ProcessWatch(run.pid, { everyMs: 25 });
    expectExitCode(await run.ended, 0);
    expect(rehearsal.uploads.size).toBe(contents.size);
    const processes = await readMonitored(file);
    expect(processes).toHaveLength(3);
    expect(complaints(processes)).toEqual([]);
    const { peaks } = watch;
    expect(peaks.processes).toBe(3);
    expect(peaks.sockets).toBeGreaterThan(0);
    expect(peaks.sockets).toBeLessThanOrEqual(maxSockets(concurrency));
    expect(peaks.fds).toBeLessThanOrEqual(maxFds(concurrency));
    expect(peaks.rssBytes).toBeLessThanOrEqual(MAX_RSS_BYTES);
  });
});
