import { backoffDelayMs } from '../runtime/retry.ts';
import { sleep } from '../runtime/sleep.ts';
import { isTransientMysqlError, toMysqlStateError } from './mysql-errors.ts';

/** The first waits are for deadlocks, which a moment settles, the last for a server that starts again. */
const BACKOFF = { maxAttempts: Infinity, baseDelayMs: 40, maxDelayMs: 4000 };

export interface MysqlRetryOptions {
  /** `host:port/database`. */
  readonly server: string;
  /** How long to go on after the first failure. */
  readonly patienceMs: number;
  /** Ends the waiting, with its reason. */
  readonly signal: AbortSignal;
  /** Told what is tried again, as it would be thrown, and how often it has been tried. */
  readonly onRetry?: ((error: unknown, attempt: number) => void) | undefined;
}

/** Runs work against a server that may be away for a moment. */
export class MysqlRetry {
  readonly #options: MysqlRetryOptions;

  constructor(options: MysqlRetryOptions) {
    this.#options = options;
  }

  /**
   * @param work is told whether it runs again: then an attempt before may have been committed, its answer lost
   * @throws ConfigurationError, StateError; the reason of the signal; what else the work throws
   */
  async run<T>(op: string, work: (isRepeated: boolean) => Promise<T>): Promise<T> {
    const { server, patienceMs, signal, onRetry } = this.#options;
    const startMs = performance.now();
    let deadlineMs: number | undefined;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      try {
        return await work(attempt > 1);
      } catch (error) {
        const nowMs = performance.now();
        const pauseMs = backoffDelayMs(BACKOFF, attempt);
        deadlineMs ??= nowMs + patienceMs;
        const effort = `${attempt} ${attempt === 1 ? 'try' : 'tries'} in ${((nowMs - startMs) / 1000).toFixed(1)} s`;
        const failure = toMysqlStateError(error, { op, server, effort });
        if (!isTransientMysqlError(error)) throw failure;
        signal.throwIfAborted();
        if (nowMs + pauseMs > deadlineMs) throw failure;
        onRetry?.(failure, attempt);
        await sleep(pauseMs, signal);
      }
    }
  }
}
