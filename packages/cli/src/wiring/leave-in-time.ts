import type { Logger } from '@object-transfer/core/runtime/logger';

/** Of the 30 s that preempted VMs and service managers give before they kill. */
const LEAVE_MS = 25_000;

export interface LeaveOptions {
  readonly stop: AbortSignal;
  readonly logger: Logger;
  /** Of a process that had to be ended. */
  readonly exitCode: number;
  /** What is told to be left then: fields of the log line. */
  readonly left: () => Readonly<Record<string, unknown>>;
  /** From the stop on; default 25,000. */
  readonly leaveMs?: number | undefined;
}

/** What a process says that leaves before its end. */
export function notAtAnEnd(leaveMs: number): string {
  return `not at an end ${leaveMs / 1000} s after the stop: leaving; what is held comes back by itself`;
}

/**
 * Ends this process where it has not ended by itself in time after it was told to stop, because something that it is closing
 * does not answer. What it still held then is lost to nobody: leases run out.
 * @returns disposed of when everything is closed
 */
export function leaveInTime({ stop, logger, exitCode, left, leaveMs = LEAVE_MS }: LeaveOptions): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const leave = () => {
    logger.error(left(), notAtAnEnd(leaveMs));
    process.exit(exitCode);
  };
  const onStop = () => {
    timer = setTimeout(leave, leaveMs);
  };
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  return {
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', onStop);
    },
  };
}
