import { setTimeout as delay } from 'node:timers/promises';
import { StateError } from '../domain/errors.ts';
import { backoffDelayMs } from '../runtime/retry.ts';
import { isTransientMysqlError, toMysqlStateError } from './mysql-errors.ts';

/** The first waits are for deadlocks, which a moment settles, the last for a server that starts again. */
const BACKOFF = { maxAttempts: Infinity, baseDelayMs: 40, maxDelayMs: 4000 };

export interface MysqlRetryOptions {
  /** `host:port/database`. */
  readonly server: string;
  /** How long to go on after the first failure. */
  readonly patienceMs: number;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** Runs work against a server that may be away for a moment. */
export class MysqlRetry {
  readonly #options: MysqlRetryOptions;

  constructor(options: MysqlRetryOptions) {
    this.#options = options;
  }

  /**
   * @param work is told whether it runs again: then an attempt before may have been committed, its answer lost
   * @throws ConfigurationError, StateError; what else the work throws
   */
  async run<T>(op: string, work: (isRepeated: boolean) => Promise<T>): Promise<T> {
    const { server, patienceMs, signal } = this.#options;
    const startMs = performance.now();
    let deadlineMs: number | undefined;
    for (let attempt = 1; ; attempt++) {
      if (signal.aborted) throw closed(op, server);
      try {
        return await work(attempt > 1);
      } catch (error) {
        const nowMs = performance.now();
        const pauseMs = backoffDelayMs(BACKOFF, attempt);
        deadlineMs ??= nowMs + patienceMs;
        if (!isTransientMysqlError(error) || signal.aborted || nowMs + pauseMs > deadlineMs) {
          const effort = `${attempt} ${attempt === 1 ? 'try' : 'tries'} in ${((nowMs - startMs) / 1000).toFixed(1)} s`;
          throw toMysqlStateError(error, { op, server, effort });
        }
        await delay(pauseMs, undefined, { signal }).catch((reason: unknown) => {
          if (!signal.aborted) throw reason;
        });
      }
    }
  }
}

function closed(op: string, server: string): StateError {
  return new StateError('STATE_UNAVAILABLE', `the connection to MySQL at ${server} has been closed`, {
    op,
    source: server,
  });
}
