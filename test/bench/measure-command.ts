import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';

/** A program to be measured. */
export interface MeasuredCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  /** The processors that it may use; `undefined` leaves that to the system. */
  readonly cpus?: string | undefined;
  /** After that it is killed, and the measurement is an error. */
  readonly timeoutMs: number;
}

/** What a command and all the processes that it started cost. */
export interface CommandCost {
  readonly userMs: number;
  readonly systemMs: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Of the largest single process, as the kernel keeps it (`VmHWM`). */
  readonly maxRssMib: number;
  readonly stdout: string;
}

const POLL_MS = 50;

/**
 * Runs a command to its end. CPU time is the kernel's account of the whole process tree: what the shell around it says of
 * its children (`times`), who have waited for theirs. The memory is looked up in `/proc` meanwhile: it is a high-water
 * mark, so that only what a process does in its last 50 ms may be missed.
 * @throws Error with the end of its output where it does not end with `successCodes`, or not in time
 */
export async function measureCommand(command: MeasuredCommand): Promise<CommandCost> {
  const pinned = command.cpus === undefined ? [] : ['taskset', '--cpu-list', command.cpus];
  const script = '"$@"; code=$?; times >&3; exit $code';
  const startedAt = performance.now();
  const child = spawn('bash', ['-c', script, 'bash', ...pinned, command.file, ...command.args], {
    env: command.environment,
    cwd: command.directory,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const outputs = child.stdio.slice(1).map((stream) => text(stream as Readable));
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const group = child.pid ?? 0;
  const timer = globalThis.setTimeout(() => process.kill(-group, 'SIGKILL'), command.timeoutMs);
  const memory = watchMemory(group);
  const [code, signal] = await ended;
  const wallMs = performance.now() - startedAt;
  clearTimeout(timer);
  const maxRssMib = await memory.stop();
  const [stdout = '', stderr = '', times = ''] = await Promise.all(outputs);
  if (code !== 0) {
    const how = signal === null ? `exit code ${code ?? ''}` : signal;
    throw new Error(`${command.file} ${command.args.join(' ')} ended with ${how}\n${stderr.slice(-2000)}`);
  }
  const { userMs, systemMs } = parseTimes(times);
  return { userMs, systemMs, cpuMs: userMs + systemMs, wallMs, maxRssMib, stdout };
}

/** Of the two lines that `times` prints, the second is about the children. */
function parseTimes(output: string): { readonly userMs: number; readonly systemMs: number } {
  const match = /\n(\d+)m([\d.]+)s (\d+)m([\d.]+)s/.exec(output);
  if (match === null) throw new Error(`the shell's times cannot be read: ${output}`);
  const [userMinutes = 0, user = 0, systemMinutes = 0, system = 0] = match.slice(1).map(Number);
  return { userMs: (userMinutes * 60 + user) * 1000, systemMs: (systemMinutes * 60 + system) * 1000 };
}

/** Follows the largest high-water mark among the processes of a group. */
function watchMemory(group: number): { stop(): Promise<number> } {
  let maxRssMib = 0;
  const stopped = new AbortController();
  const watch = async () => {
    while (!stopped.signal.aborted) {
      for (const pid of await descendants(group)) maxRssMib = Math.max(maxRssMib, await highWaterMib(pid));
      await setTimeout(POLL_MS);
    }
  };
  const watching = watch();
  return {
    stop: async () => {
      stopped.abort();
      await watching;
      return maxRssMib;
    },
  };
}

/** The processes below `pid`, as far as they are still there. */
async function descendants(pid: number): Promise<readonly number[]> {
  const children = await readProc(`/proc/${pid}/task/${pid}/children`);
  const pids = children.split(' ').filter(Boolean).map(Number);
  const below = await Promise.all(pids.map(descendants));
  return [...pids, ...below.flat()];
}

async function highWaterMib(pid: number): Promise<number> {
  const status = await readProc(`/proc/${pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024;
}

/** Empty for a process that has ended. */
async function readProc(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
