import { ObjectTransferError } from './errors.ts';

/** What to do about a failure. The only place that decides it. */
export interface ErrorClass {
  /** The same request may succeed later. */
  readonly retryable: boolean;
  /** The other side asked for less: concurrency is to shrink. */
  readonly overload: boolean;
  /** At least this long before the next try. */
  readonly retryAfterMs: number | undefined;
}

const OVERLOAD_STATUSES: ReadonlySet<number> = new Set([408, 429, 503, 504]);

/** An error that is not ours is a defect or an abort: never retried. */
export function classifyError(error: unknown): ErrorClass {
  if (!(error instanceof ObjectTransferError)) return { retryable: false, overload: false, retryAfterMs: undefined };
  return {
    retryable: error.retryable,
    overload: error.httpStatus !== undefined && OVERLOAD_STATUSES.has(error.httpStatus),
    retryAfterMs: error.retryAfterMs,
  };
}

/** `code` and message of any thrown value, for tables and reports. */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof ObjectTransferError) return { code: error.code, message: error.message };
  if (error instanceof Error) return { code: 'UNEXPECTED', message: `${error.name}: ${error.message}` };
  return { code: 'UNEXPECTED', message: String(error) };
}

/**
 * {@link describeError} for the fields of a log line, where `message` is the line's own text.
 * @see https://cloud.google.com/logging/docs/structured-logging
 */
export function errorFields(error: unknown): { readonly code: string; readonly reason: string } {
  const { code, message } = describeError(error);
  return { code, reason: message };
}
