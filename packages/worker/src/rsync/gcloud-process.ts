import { spawn } from 'node:child_process';
import { ConfigurationError, TransferError } from '@object-transfer/core/domain/errors';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { OutputTail } from './gcloud-output.ts';

export interface GcloudCommand {
  /** A path, or a name that is looked for in the `PATH` of `environment`. */
  readonly executable: string;
  readonly args: readonly string[];
  /** All that the process sees. */
  readonly environment: Readonly<Record<string, string>>;
  /** Values that must not show in what is kept of its output. */
  readonly secrets: readonly string[];
  readonly timeoutMs: number;
  /** Between asking it to end and ending it; default 5,000. */
  readonly graceMs?: number | undefined;
}

export interface GcloudResult {
  /** `undefined` where a signal ended it. */
  readonly exitCode: number | undefined;
  readonly isTimedOut: boolean;
  /** The end of what it wrote, secrets redacted. */
  readonly stdout: string;
  readonly stderr: string;
}

const GRACE_MS = 5_000;

/** What has left the process group may hold the pipes open after the command has ended. */
const CLOSE_MS = 1_000;

/** Longer, and a timer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Runs the CLI without a shell, in a process group of its own, which is ended as a whole: when the time is up, when `signal`
 * aborts, when the command has ended, and when this process exits. The CLI's own worker processes survive a SIGTERM of their
 * parent (tried with 528.0.0), so signalling the command alone would leave them copying.
 * @throws ConfigurationError `CONFIG_TOOL_MISSING`; TransferError `TRANSFER_TOOL_FAILED` where the system cannot start it;
 *   the reason of `signal` once it aborts and the processes have ended
 */
export async function runGcloud(command: GcloudCommand, signal: AbortSignal): Promise<GcloudResult> {
  signal.throwIfAborted();
  const { executable, args, environment, secrets, timeoutMs, graceMs = GRACE_MS } = command;
  const child = spawn(executable, args, { env: environment, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout = new OutputTail();
  const stderr = new OutputTail();
  child.stdout.on('data', (chunk: Buffer) => stdout.add(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.add(chunk));
  const ended = new Promise<number | undefined>((resolve, reject) => {
    child.once('error', (error) => reject(cannotStart(command, error)));
    child.once('exit', (exitCode) => resolve(exitCode ?? undefined));
  });
  const closed = new Promise<void>((resolve) => void child.once('close', () => resolve()));

  let isTimedOut = false;
  let grace: NodeJS.Timeout | undefined;
  const end = () => signalGroup(child.pid, 'SIGKILL');
  const stop = () => {
    signalGroup(child.pid, 'SIGTERM');
    grace ??= setTimeout(end, graceMs);
  };
  const deadline = setTimeout(
    () => {
      isTimedOut = true;
      stop();
    },
    Math.min(timeoutMs, MAX_TIMER_MS),
  );
  signal.addEventListener('abort', stop, { once: true });
  process.once('exit', end);
  try {
    const exitCode = await ended;
    end();
    await closeOutput(closed);
    signal.throwIfAborted();
    return { exitCode, isTimedOut, stdout: stdout.text(secrets), stderr: stderr.text(secrets) };
  } finally {
    clearTimeout(deadline);
    clearTimeout(grace);
    signal.removeEventListener('abort', stop);
    process.off('exit', end);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

async function closeOutput(closed: Promise<void>): Promise<void> {
  const waiting = new AbortController();
  const timeUp = sleep(CLOSE_MS, waiting.signal).catch(() => undefined);
  await Promise.race([closed, timeUp]);
  waiting.abort();
}

function signalGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    // Nobody of the group is left.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function cannotStart(command: GcloudCommand, error: NodeJS.ErrnoException): Error {
  const { executable, environment } = command;
  const context = { op: 'gcloud', cause: error };
  if (error.code === 'ENOENT' || error.code === 'EACCES') {
    const where = executable.includes('/') ? '' : ` in PATH ${environment['PATH'] ?? '(not set)'}`;
    return new ConfigurationError(
      'CONFIG_TOOL_MISSING',
      `rsync_engine gcloud needs the Google Cloud CLI: there is no ${executable} that can be run${where}. ` +
        'Install it (https://cloud.google.com/sdk/docs/install), or use rsync_engine native',
      context,
    );
  }
  return new TransferError('TRANSFER_TOOL_FAILED', `${executable} could not be started: ${error.message}`, context);
}
