import { readFile } from 'node:fs/promises';

/** Names the file to the preloaded module. */
export const MONITOR_FILE_VARIABLE = 'OBJECT_TRANSFER_MONITOR_FILE';
/** Heartbeats, leases and whatever a signal asks for wait as long as the event loop does not turn. */
export const STALL_MS = 1_000;

/** A time in which the event loop did not turn. */
export interface Stall {
  /** Since the process began. */
  readonly atMs: number;
  /** Without the time in which other processes had the processor. */
  readonly forMs: number;
  /** Of this, at work: the rest was spent waiting for a disk, a pipe or the machine below. */
  readonly busyMs: number;
}

export interface MonitorStart {
  readonly pid: number;
  /** Of the process that started it. */
  readonly ppid: number;
  readonly event: 'start';
  /** By a clock that nobody sets. */
  readonly epochMs: number;
  readonly args: readonly string[];
}

export interface MonitorEnd {
  readonly pid: number;
  readonly event: 'end';
  readonly exitCode: number;
  /** Errors that nobody caught and rejections that nobody handled: each with its origin and its stack. */
  readonly uncaught: readonly string[];
  /** Process warnings, such as of too many listeners. */
  readonly warnings: readonly string[];
  /** Those longer than {@link STALL_MS}. */
  readonly stalls: readonly Stall[];
  readonly longestStallMs: number;
}

/** A process that was started with {@link monitored} variables. */
export interface MonitoredProcess {
  readonly pid: number;
  /** Of the process that started it. */
  readonly ppid: number;
  /** When it began to tell, by a clock that nobody sets. */
  readonly epochMs: number;
  /** Of its command line. */
  readonly args: readonly string[];
  /** `undefined` while it runs, and where it was killed. */
  readonly end: MonitorEnd | undefined;
}

/**
 * The environment of a command, so that it and the processes that it starts tell about themselves.
 * @param file where they write to, a line each at the beginning and at the end; it need not exist
 */
export function monitored(
  environment: Readonly<Record<string, string>>,
  file: string,
): Readonly<Record<string, string>> {
  const preload = `--import=${new URL('limits-monitor-process.ts', import.meta.url).href}`;
  const options = [environment['NODE_OPTIONS'], preload].filter((option) => option !== undefined);
  return { ...environment, NODE_OPTIONS: options.join(' '), [MONITOR_FILE_VARIABLE]: file };
}

/** What the processes have told so far, in the order in which they began. */
export async function readMonitored(file: string): Promise<readonly MonitoredProcess[]> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const told = lines.map((line) => JSON.parse(line) as MonitorStart | MonitorEnd);
  const starts = told.filter((line) => line.event === 'start');
  // A process id may be given anew: the end is the first one after the start.
  return starts.map((start) => ({
    pid: start.pid,
    ppid: start.ppid,
    epochMs: start.epochMs,
    args: start.args,
    end: told.slice(told.indexOf(start)).find((line) => line.event === 'end' && line.pid === start.pid) as
      | MonitorEnd
      | undefined,
  }));
}

/** What is wrong with processes that should have ended in order, one line each; empty where nothing is. */
export function complaints(processes: readonly MonitoredProcess[]): readonly string[] {
  return processes.flatMap(({ pid, args, end }) => {
    const who = `${args.join(' ')} (${pid})`;
    if (end === undefined) return [`${who}: did not end in order`];
    const { uncaught, warnings, stalls } = end;
    return [
      ...uncaught.map((error) => `${who}: uncaught: ${error}`),
      ...warnings.map((warning) => `${who}: warned: ${warning}`),
      ...stalls.map(({ atMs, forMs }) => `${who}: stalled for ${forMs} ms after ${atMs} ms`),
    ];
  });
}
