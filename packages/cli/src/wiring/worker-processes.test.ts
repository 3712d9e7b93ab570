import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
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
  const assignment = { mode: 'cdnTransfer', reporting: { runId: undefined }, deployment: 'fleet', settings: {} };
  const group = startWorkerProcesses({ count: 1, assignment, variables: process.env, logger: { warn() {} } });
  while (group.counters.pid === undefined) await delay(5);
  process.kill(group.counters.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  await Promise.all([group.stop(), group.ended]);
  process.stdout.write('ended');
}
`;

/** A program that starts itself as a worker process which refuses what it is told, and says what becomes of that. */
const REFUSING_PROGRAM = `
import { startWorkerProcesses } from '${new URL('worker-processes.ts', import.meta.url).href}';

if (process.argv.includes('--assigned')) {
  process.on('message', () => process.exit(2));
} else {
  const assignment = { mode: 'cdnTransfer', reporting: { runId: undefined }, deployment: 'fleet', settings: {} };
  const warned = Promise.withResolvers();
  const logger = { warn: (_, message) => warned.resolve(message) };
  const acceptedAfterMs = Number(process.argv[2]);
  const group = startWorkerProcesses({ count: 1, assignment, variables: process.env, logger, acceptedAfterMs });
  const refused = group.ended.then(() => warned.promise, (error) => error.code);
  process.stdout.write(await Promise.race([warned.promise, refused]));
  await group.stop();
}
`;

async function runProgram(text: string, ...args: readonly string[]): Promise<{ output: string; errors: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'worker-processes-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const program = join(directory, 'program.mjs');
  await writeFile(program, text);
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([readText(child.stdout), readText(child.stderr), once(child, 'exit')]);
  return { output, errors };
}

it('a worker process that ends just when it is told to stop is no failure', async () => {
  expect(await runProgram(PROGRAM)).toEqual({ output: 'ended', errors: '' });
});

it('a worker process that refuses its configuration at once ends them all', async () => {
  expect(await runProgram(REFUSING_PROGRAM, '60000')).toEqual({ output: 'CONFIG_INVALID', errors: '' });
});

it('a worker process that is refused something after it had begun is started again', async () => {
  const output = 'a worker process ended with exit code 2; starting it again';
  expect(await runProgram(REFUSING_PROGRAM, '0')).toEqual({ output, errors: '' });
});
