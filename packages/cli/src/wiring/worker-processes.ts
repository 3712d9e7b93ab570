import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Deployment } from '@object-transfer/core/config/field';
import { ConfigurationError, StateError, StoppedError } from '@object-transfer/core/domain/errors';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { backoffDelayMs, type RetryPolicy } from '@object-transfer/core/runtime/retry';
import { sleep } from '@object-transfer/core/runtime/sleep';
import type { WorkerGroup } from '@object-transfer/run/run-migration';
import { EXIT_CODES } from '../exit-codes.ts';
import type { WorkerReporting } from './open-worker.ts';

/** As the command line spells it. */
export type WorkerModeName = 'cdnTransfer' | 'syncCheck' | 'rsync';

/** What a worker process is told by the one that started it: over the channel, so that nothing shows in its arguments. */
export interface WorkerAssignment {
  readonly mode: WorkerModeName;
  readonly reporting: WorkerReporting;
  readonly deployment: Deployment;
  /** Settings by field name, as they were given. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface WorkerProcessesOptions {
  readonly count: number;
  readonly assignment: WorkerAssignment;
  /** Environment variables of the processes. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Called when a process has ended by itself. */
  readonly onCrash?: (() => Promise<void>) | undefined;
  /** A process that has lived so long is started again also where it then refuses its configuration; default 30,000. */
  readonly acceptedAfterMs?: number | undefined;
}

export interface WorkerProcesses extends WorkerGroup {
  /** Sums of what the processes that have ended in good order have done. */
  readonly counters: Readonly<Record<string, number>>;
  /** How many there are at this moment. */
  readonly running: number;
}

/** Crashes in a row of one process before all give up, which then is for the service manager to mend. */
const MAX_RESTARTS = 5;
/** A process that has lived so long was well: its next crash is the first of a new row. */
const WELL_AFTER_MS = 600_000;
/**
 * A process that has lived so long had accepted its configuration. What it refuses after that was changed since, or was denied
 * for a moment, as permissions and topics are while they are being put in order: it is started again like one that crashed.
 */
const ACCEPTED_AFTER_MS = 30_000;
const RESTART_BACKOFF: Omit<RetryPolicy, 'maxAttempts'> = { baseDelayMs: 1_000, maxDelayMs: 60_000 };

/**
 * Keeps a number of worker processes running: one that crashes is started again, after a wait that grows with every crash
 * in a row. `ended` rejects, and all of them are stopped, when one keeps crashing or refuses its configuration.
 *
 * They are stopped by a message and not by a signal: Ctrl-C and service managers signal every process of a group, and a
 * second signal ends a process at once. Where this process ends at once, so do they.
 */
export function startWorkerProcesses(options: WorkerProcessesOptions): WorkerProcesses {
  const { acceptedAfterMs = ACCEPTED_AFTER_MS } = options;
  const stopping = new AbortController();
  const children = new Set<ChildProcess>();
  const counters: Record<string, number> = {};
  const killAll = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  process.on('exit', killAll);
  const runOnce = async (index: number): Promise<{ readonly how: string; readonly code: number | null }> => {
    const child = forkWorker(options);
    children.add(child);
    child.on('message', (message) => addCounters(counters, message as WorkerEnd));
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    children.delete(child);
    const how = signal === null ? `exit code ${code}` : signal;
    if (stopping.signal.aborted && code !== EXIT_CODES.done) {
      options.logger.warn({ worker: index + 1 }, `a worker process ended with ${how} when it was told to stop`);
    }
    return { how, code };
  };
  const keepRunning = async (index: number): Promise<void> => {
    for (let restarts = 0; ; restarts++) {
      const startedAt = performance.now();
      const { how, code } = await runOnce(index);
      const livedMs = performance.now() - startedAt;
      if (stopping.signal.aborted) return;
      await options.onCrash?.();
      if (code === EXIT_CODES.usage && livedMs < acceptedAfterMs) throw refused(index);
      if (livedMs > WELL_AFTER_MS) restarts = 0;
      if (restarts >= MAX_RESTARTS) throw keepsCrashing(index, how);
      const delayMs = Math.ceil(
        backoffDelayMs({ ...RESTART_BACKOFF, maxAttempts: MAX_RESTARTS }, restarts + 1, RESTART_BACKOFF.baseDelayMs),
      );
      options.logger.warn(
        { worker: index + 1, restarts, delayMs },
        `a worker process ended with ${how}; starting it again`,
      );
      await sleep(delayMs, stopping.signal).catch(() => undefined);
      if (stopping.signal.aborted) return;
    }
  };
  const stopAll = () => {
    stopping.abort();
    for (const child of children) if (child.connected) child.send(STOP_MESSAGE, ignoreClosed);
  };
  const keeping = Array.from({ length: options.count }, (_, index) => keepRunning(index));
  const ended = Promise.all(keeping)
    .then(
      () => undefined,
      async (error: unknown) => {
        stopAll();
        await Promise.allSettled(keeping);
        throw error;
      },
    )
    .finally(() => process.off('exit', killAll));
  return {
    counters,
    get running() {
      return children.size;
    },
    ended,
    stop: async () => {
      stopAll();
      await ended.catch(() => undefined);
    },
  };
}

function refused(index: number): ConfigurationError {
  return new ConfigurationError('CONFIG_INVALID', `worker process ${index + 1} could not start: it has said why`);
}

function keepsCrashing(index: number, how: string): StateError {
  const message = `worker process ${index + 1} ended with ${how}, for the ${MAX_RESTARTS + 1}th time in a row`;
  return new StateError('STATE_UNAVAILABLE', message, { op: 'startWorker' });
}

function forkWorker({ assignment, variables }: WorkerProcessesOptions): ChildProcess {
  const [, program = ''] = process.argv;
  const child = fork(program, ['worker', assignment.mode, '--assigned'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: variables,
    // Dates of an entity stay dates.
    serialization: 'advanced',
  });
  child.send(assignment, ignoreClosed);
  return child;
}

/** A process that has just ended cannot be told anything, which is no failure of its own: its end is dealt with. */
function ignoreClosed(): void {
  // Without a callback, the failure would be an event that ends the waiting for the process's exit.
}

/** What the starting process sends for a worker process to stop. */
const STOP_MESSAGE = 'stop';

/**
 * In a worker process: waits for its assignment.
 * @returns with it, what aborts when the starting process says so
 */
export async function receiveAssignment(): Promise<{
  readonly assignment: WorkerAssignment;
  readonly stop: AbortSignal;
}> {
  if (process.send === undefined) {
    throw new ConfigurationError(
      'CONFIG_INVALID',
      '--assigned is for the worker processes that `run` and `worker` start',
    );
  }
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<WorkerAssignment>();
  process.on('message', (message) => {
    if (message === STOP_MESSAGE) controller.abort(new StoppedError('stopped by the process that started it'));
    else resolve(message as WorkerAssignment);
  });
  // A channel that is listened to keeps this process alive: while the assignment is all there is to wait for, and no longer.
  process.channel?.ref();
  const assignment = await promise;
  process.channel?.unref();
  return { assignment, stop: controller.signal };
}

interface WorkerEnd {
  readonly counters: Readonly<Record<string, number>>;
}

/** In a worker process: tells what it has done, unless the one that started it is gone or has closed the channel. */
export function tellCounters(counters: Readonly<Record<string, number>>): void {
  if (process.connected) process.send?.({ counters } satisfies WorkerEnd);
}

function addCounters(sums: Record<string, number>, { counters }: WorkerEnd): void {
  for (const [name, count] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + count;
}
