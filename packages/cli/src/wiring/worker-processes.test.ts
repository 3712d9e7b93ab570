import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';

/**
 * A program that starts itself as a worker process, kills that, and tells it to stop before it can know that it has ended.
 * The worker process tells its id as a counter, as it has no other words.
 */
const PROGRAM = `
import { setTimeout as delay } from 'node:timers/promises';
import { startWorkerProcesses } from '${new URL('worker-processes.ts', import.meta.url).href}';

if (process.argv.includes('--assigned')) {
  process.on('message', () => process.send({ counters: { pid: process.pid } }));
} else {
  const assignment = { runId: undefined, deployment: 'fleet', settings: {} };
  const group = startWorkerProcesses({ count: 1, assignment, variables: process.env, logger: { warn() {} } });
  while (group.counters.pid === undefined) await delay(5);
  process.kill(group.counters.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  await Promise.all([group.stop(), group.ended]);
  process.stdout.write('ended');
}
`;

it('a worker process that ends just when it is told to stop is no failure', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'worker-processes-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const program = join(directory, 'program.mjs');
  await writeFile(program, PROGRAM);
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  expect({ output, errors }).toEqual({ output: 'ended', errors: '' });
});
