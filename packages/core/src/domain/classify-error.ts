import { ObjectTransferError } from './errors.ts';
import { redactSecrets } from './redact-secrets.ts';

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

/** Codes of a connection on which the other side, or the network, did not keep up. */
const TIMEOUT_CODES: ReadonlySet<unknown> = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'WIRE_CONNECT_TIMEOUT',
  'WIRE_HEADERS_TIMEOUT',
  'WIRE_BODY_TIMEOUT',
]);

/** An error that is not ours is a defect or an abort: never retried. */
export function classifyError(error: unknown): ErrorClass {
  if (!(error instanceof ObjectTransferError)) return { retryable: false, overload: false, retryAfterMs: undefined };
  return {
    retryable: error.retryable,
    overload: isOverload(error),
    retryAfterMs: error.retryAfterMs,
  };
}

function isOverload({ code, httpStatus, cause }: ObjectTransferError): boolean {
  // GCS says so with 403, too.
  if (code === 'SOURCE_THROTTLED' || code === 'DESTINATION_THROTTLED') return true;
  return (httpStatus !== undefined && OVERLOAD_STATUSES.has(httpStatus)) || isTimeout(cause);
}

function isTimeout(cause: unknown): boolean {
  return cause instanceof Error && TIMEOUT_CODES.has((cause as NodeJS.ErrnoException).code);
}

/** `code` and message of any thrown value, for tables and reports; secrets are redacted. */
export function describeError(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof ObjectTransferError) return { code: error.code, message: error.message };
  if (error instanceof Error) return { code: 'UNEXPECTED', message: redactSecrets(`${error.name}: ${error.message}`) };
  return { code: 'UNEXPECTED', message: redactSecrets(String(error)) };
}

/**
 * {@link describeError} for the fields of a log line, where `message` is the line's own text.
 * @see https://cloud.google.com/logging/docs/structured-logging
 */
export function errorFields(error: unknown): { readonly code: string; readonly reason: string } {
  const { code, message } = describeError(error);
  return { code, reason: message };
}
