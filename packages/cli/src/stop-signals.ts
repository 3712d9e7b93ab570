import { StoppedError } from '@object-transfer/core/domain/errors';
import { EXIT_CODES } from './exit-codes.ts';
import { notAtAnEnd } from './wiring/leave-in-time.ts';

/** Of the 30 s that service managers give before they kill. Workers and publishers take up to 27 s for themselves. */
const LEAVE_MS = 28_000;

/** Whether the launcher has started this process under an older Node. To be asked once: of the processes that this one starts it does not hold. */
export function wasLaunched(): boolean {
  const launched = process.env['OBJECT_TRANSFER_LAUNCHED'] !== undefined;
  delete process.env['OBJECT_TRANSFER_LAUNCHED'];
  return launched;
}

/**
 * Aborts on SIGINT, SIGTERM, SIGHUP, and when the process that started this one goes away. A second signal ends the
 * process at once, with the exit code that shells give it. Where it has not ended by itself in time it leaves, with exit code
 * 1: a command may wait for a statement of a database that does not answer, which nobody can take back.
 * @param launched whether it was started by the launcher under an older Node: that one is this process for whoever
 *   watches it, so where it was killed, this one must not go on either
 * @param leaveMs from the stop on
 */
export function stopOnSignals(launched: boolean, leaveMs = LEAVE_MS): AbortSignal {
  const controller = new AbortController();
  const abort = (reason: string) => {
    controller.abort(new StoppedError(reason));
    // Where nothing is open any more, an unreferenced timer keeps nobody waiting.
    setTimeout(() => leave(leaveMs), leaveMs).unref();
  };
  let signalled = false;
  const stop = (reason: string, code: number) => {
    if (signalled) process.exit(code);
    signalled = true;
    // A worker process is told by the run that started it.
    if (launched || process.channel === undefined) {
      process.stderr.write(process.stderr.isTTY ? `\n${STOPPING}\n` : logLine('INFO', STOPPING));
    }
    abort(`stopped by ${reason}`);
  };
  process.on('SIGINT', () => stop('SIGINT', 130));
  process.on('SIGTERM', () => stop('SIGTERM', 143));
  process.on('SIGHUP', () => stop('SIGHUP', 129));
  const stopAsOrphan = () => {
    if (launched) process.kill(process.pid, 'SIGKILL');
    abort('stopped: the parent process is gone');
  };
  process.on('disconnect', stopAsOrphan);
  // The parent may have gone while this process was loading; without a parent there is no `connected` at all.
  if ('connected' in process && !process.connected) stopAsOrphan();
  // The channel by itself is no reason to stay alive.
  process.channel?.unref();
  return controller.signal;
}

const STOPPING = 'stopping: what is under way is finished or handed back; a second signal ends at once';

function leave(leaveMs: number): void {
  const said = notAtAnEnd(leaveMs);
  process.stderr.write(process.stderr.isTTY ? `${said}\n` : logLine('ERROR', said));
  process.exit(EXIT_CODES.failures);
}

/** As the logger writes it, which may not be loaded yet. */
function logLine(severity: 'INFO' | 'ERROR', message: string): string {
  return `${JSON.stringify({ severity, time: new Date().toISOString(), message })}\n`;
}

/** What a command that broke off may still need to close by itself what it has not waited for. */
const CLOSING_MS = 1_000;

/**
 * For the end of a command that failed, was stopped, or went on without an answer: what it gave up waiting for (an answer, the next try)
 * does not keep the process alive.
 */
export function leaveNothingOpen(): void {
  setTimeout(() => process.exit(), CLOSING_MS).unref();
}
