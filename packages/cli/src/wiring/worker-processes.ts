import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigurationError, StateError } from '@object-transfer/core/domain/errors';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { WorkerGroup } from '@object-transfer/run/run-migration';

/** What a worker process is told by the one that started it: over the channel, so that nothing shows in its arguments. */
export interface WorkerAssignment {
  readonly runId: string;
  /** Settings by field name, as they were given. */
  readonly settings: Readonly<Record<string, unknown>>;
}

export interface WorkerProcessesOptions {
  readonly count: number;
  readonly assignment: WorkerAssignment;
  /** Environment variables of the processes. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  /** Called when a process has ended by itself: what it held is free. */
  readonly onCrash: () => Promise<void>;
}

/** Crashes in a row before the migration gives up: each loses only time. */
const MAX_RESTARTS = 5;
/** A process that has lived so long was well: its next crash is the first of a new row. */
const WELL_AFTER_MS = 600_000;
const RESTART_DELAY_MS = 1_000;

/** Starts worker processes and starts those that crash again. */
export function startWorkerProcesses(options: WorkerProcessesOptions): WorkerGroup {
  const { count, logger } = options;
  const stopping = new AbortController();
  const children = new Set<ChildProcess>();
  const keepRunning = async (index: number): Promise<void> => {
    for (let restarts = 0; ; restarts++) {
      const startedAt = performance.now();
      const child = forkWorker(options);
      children.add(child);
      const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
      children.delete(child);
      if (stopping.signal.aborted) return;
      await options.onCrash();
      const how = signal === null ? `exit code ${code}` : signal;
      if (performance.now() - startedAt > WELL_AFTER_MS) restarts = 0;
      if (restarts >= MAX_RESTARTS || code === EXIT_CODES.usage) {
        throw new StateError('STATE_UNAVAILABLE', `worker process ${index + 1} ended with ${how}`, {
          op: 'startWorker',
        });
      }
      logger.warn({ worker: index + 1, restarts }, `a worker process ended with ${how}; starting it again`);
      await delay(RESTART_DELAY_MS);
      if (stopping.signal.aborted) return;
    }
  };
  // Not by a signal: Ctrl-C and service managers signal every process of a group, and a second signal ends one at once.
  const stopAll = () => {
    for (const child of children) if (child.connected) child.disconnect();
  };
  const ended = Promise.all(Array.from({ length: count }, (_, index) => keepRunning(index))).then(
    () => undefined,
    (error: unknown) => {
      stopping.abort();
      stopAll();
      throw error;
    },
  );
  return {
    ended,
    stop: async () => {
      stopping.abort();
      stopAll();
      await ended.catch(() => undefined);
    },
  };
}

function forkWorker({ assignment, variables }: WorkerProcessesOptions): ChildProcess {
  const [, program = ''] = process.argv;
  const child = fork(program, ['worker', 'cdnTransfer', '--assigned'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: variables,
  });
  child.send(assignment);
  return child;
}

/** In a worker process: waits for its assignment. */
export async function receiveAssignment(): Promise<WorkerAssignment> {
  if (process.send === undefined) {
    throw new ConfigurationError('CONFIG_INVALID', '--assigned is for worker processes that `run` starts');
  }
  // Otherwise the channel by itself does not keep this process alive: now it is all there is to wait for.
  process.channel?.ref();
  const [assignment] = (await once(process, 'message')) as [WorkerAssignment];
  process.channel?.unref();
  return assignment;
}
