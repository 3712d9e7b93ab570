import { mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectErrorRecord, RunCounters } from '@object-transfer/core/ports/state-store';
import { createRunId } from '@object-transfer/core/runtime/process-identity';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { RunningCommand, type CommandResult } from './command.ts';
import { bareEnvironment } from './rehearsal.ts';

/** A directory with a state file that a test fills as modules would, and the operator's commands to look at it. */
export class OperatorRig {
  readonly directory: string;
  readonly #cleanup: AsyncDisposableStack;

  private constructor(directory: string, cleanup: AsyncDisposableStack) {
    this.directory = directory;
    this.#cleanup = cleanup;
  }

  static async start(): Promise<OperatorRig> {
    const cleanup = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'object-transfer-operator-'));
    cleanup.defer(() => rm(directory, { recursive: true, force: true }));
    return new OperatorRig(directory, cleanup);
  }

  get stateFile(): string {
    return join(this.directory, 'object-transfer.sqlite');
  }

  /** Opens the state as a module does. @param aheadMs how far its clock is from that of the machine */
  async open(aheadMs = 0): Promise<EmbeddedState> {
    const now = () => Date.now() + aheadMs;
    const state = await openEmbeddedState(this.stateFile, { owner: 'test:1:00000000-0000', now });
    this.#cleanup.defer(() => state.close());
    return state;
  }

  start(...args: readonly string[]): RunningCommand {
    return new RunningCommand(args, { cwd: this.directory, environment: bareEnvironment(this.directory) });
  }

  /** Runs a command to its end. */
  async command(...args: readonly string[]): Promise<CommandResult> {
    await using command = this.start(...args);
    return await command.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}

/** A run of a process elsewhere, that nobody here can ask whether it lives. */
export async function beginRunElsewhere(
  { stateStore }: Pick<EmbeddedState, 'stateStore'>,
  job: string,
  counters?: RunCounters,
): Promise<string> {
  const runId = `0000000a-${job.replaceAll(/\W/g, '-')}`;
  await stateStore.beginRun({
    runId,
    job,
    host: 'worker-vm-1',
    pid: 7,
    userName: 'alice',
    staleAfterMs: 0,
    isAlive: () => true,
  });
  if (counters !== undefined) await stateStore.heartbeatRun(runId, counters);
  return runId;
}

/** A run of a process that was on this host and is gone, its heartbeat fresh. */
export async function beginDeadRun({ stateStore }: Pick<EmbeddedState, 'stateStore'>, job: string): Promise<string> {
  const runId = createRunId();
  // Beyond the largest number that Linux gives to a process.
  await stateStore.beginRun({ runId, job, host: hostname(), pid: 4_194_305, staleAfterMs: 0, isAlive: () => true });
  return runId;
}

export function openError(
  dirKey: string,
  name: string,
  code: string,
  message = `${code} of ${name}`,
): ObjectErrorRecord {
  return { dirKey, key: `root/${dirKey}${name}`, code, message, attempts: 1 };
}
