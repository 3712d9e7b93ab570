import { StoppedError } from '@object-transfer/core/domain/errors';

/**
 * Aborts on SIGINT, SIGTERM, SIGHUP, and when the process that started this one goes away. A second signal ends the
 * process at once, with the exit code that shells give it.
 * @param launched whether it was started by the launcher under an older Node: that one is this process for whoever
 *   watches it, so where it was killed, this one must not go on either
 */
export function stopOnSignals(launched: boolean): AbortSignal {
  const controller = new AbortController();
  let signalled = false;
  const stop = (reason: string, code: number) => {
    if (signalled) process.exit(code);
    signalled = true;
    // A worker process is told by the run that started it.
    if (launched || process.channel === undefined) {
      process.stderr.write(process.stderr.isTTY ? `\n${STOPPING}\n` : logLine(STOPPING));
    }
    controller.abort(new StoppedError(`stopped by ${reason}`));
  };
  process.on('SIGINT', () => stop('SIGINT', 130));
  process.on('SIGTERM', () => stop('SIGTERM', 143));
  process.on('SIGHUP', () => stop('SIGHUP', 129));
  const stopAsOrphan = () => {
    if (launched) process.kill(process.pid, 'SIGKILL');
    controller.abort(new StoppedError('stopped: the parent process is gone'));
  };
  process.on('disconnect', stopAsOrphan);
  // The parent may have gone while this process was loading; without a parent there is no `connected` at all.
  if ('connected' in process && !process.connected) stopAsOrphan();
  // The channel by itself is no reason to stay alive.
  process.channel?.unref();
  return controller.signal;
}

const STOPPING = 'stopping: what is under way is finished or handed back; a second signal ends at once';

/** As the logger writes it, which may not be loaded yet. */
function logLine(message: string): string {
  return `${JSON.stringify({ severity: 'INFO', time: new Date().toISOString(), message })}\n`;
}

/** What a stopped command may still need to close by itself what it has not waited for. */
const CLOSING_MS = 1_000;

/**
 * For the end of a command: where it was stopped, what it gave up waiting for (an answer, the next try) does not keep the
 * process alive.
 */
export function leaveNothingOpen(stop: AbortSignal): void {
  // Where nothing is open any more, an unreferenced timer keeps nobody waiting.
  if (stop.aborted) setTimeout(() => process.exit(), CLOSING_MS).unref();
}
