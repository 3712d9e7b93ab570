import { sleep } from './sleep.ts';
import { classifyError } from '../domain/classify-error.ts';

export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
}

/** The waits between the tries of one request add up to 12 s on average and 23 s at most: a CDN remembers an error for 10 s. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = { maxAttempts: 6, baseDelayMs: 750, maxDelayMs: 15_000 };

/** What a timer of Node takes: beyond it, it would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What a process waits at most, holding a message and its memory; longer waits are the queue's. */
const MAX_WAIT_MS = 60_000;

/**
 * True where the service asked for so long a wait (`Retry-After`) that no process should sit it out: the error is to be
 * handed on at once, still retryable, and the queue to deliver the message again after `retryAfterMs`.
 */
export function waitsTooLong(error: unknown): boolean {
  return (classifyError(error).retryAfterMs ?? 0) > MAX_WAIT_MS;
}

/**
 * Exponential backoff with full jitter.
 * @param attempt the try that has just failed, from 1
 * @returns milliseconds to wait; never less than `retryAfterMs`, as far as a timer reaches
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function backoffDelayMs(policy: RetryPolicy, attempt: number, retryAfterMs = 0, random = Math.random): number {
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  return Math.min(MAX_TIMER_MS, Math.max(retryAfterMs, Math.floor(random() * ceiling)));
}

/**
 * What has been tried often enough. Retries within retries share one, so that their tries add up and do not multiply: what an inner
 * one has given up, an outer one hands on.
 */
export class TriedOut {
  /** Made when it is needed: there is one of these for each object. */
  #errors: Set<unknown> | undefined;

  add(error: unknown): void {
    this.#errors ??= new Set();
    this.#errors.add(error);
  }

  has(error: unknown): boolean {
    return this.#errors?.has(error) === true;
  }
}

export interface RetryHooks {
  readonly signal: AbortSignal;
  /** Errors that may pass here, whatever their class says; asked once for each of these. */
  readonly mayPass?: (error: unknown) => boolean;
  /** Errors that another way may help, and repeating the same does not: thrown at once, though they may be retried. */
  readonly unless?: (error: unknown) => boolean;
  /** Shared with retries around this one and within it. */
  readonly triedOut?: TriedOut | undefined;
  /** Called before each wait. */
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
}

/**
 * Runs `operation` until it succeeds, fails for good, has been tried often enough, or is to wait for too long
 * ({@link waitsTooLong}); then its last error is thrown.
 * @param operation gets the number of the try, from 1
 */
export async function retry<T>(
  policy: RetryPolicy,
  hooks: RetryHooks,
  operation: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    hooks.signal.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      const { retryable, retryAfterMs } = classifyError(error);
      const mayPass = retryable || hooks.mayPass?.(error) === true;
      if (!mayPass || hooks.unless?.(error) === true || waitsTooLong(error)) throw error;
      if (attempt >= policy.maxAttempts) hooks.triedOut?.add(error);
      if (attempt >= policy.maxAttempts || hooks.triedOut?.has(error) === true || hooks.signal.aborted) throw error;
      const delayMs = backoffDelayMs(policy, attempt, retryAfterMs);
      hooks.onRetry?.(error, attempt, delayMs);
      await sleep(delayMs, hooks.signal);
    }
  }
}
