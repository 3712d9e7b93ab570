import { DestinationError, type DestinationErrorCode, type ErrorContext } from '../domain/errors.ts';
import { redactSecrets } from '../domain/redact-secrets.ts';
import { describeConnectionFailure } from './connection-failure.ts';
import { headerText, type ResponseHeaders } from './header-values.ts';
import { parseRetryAfterMs } from './retry-after.ts';

/** Errors of GCS: from a refused or broken request to the class that says what to do about it. */

export interface GcsOperation {
  /** In the words of the service: `objects.insert`. */
  readonly op: string;
  /** `gs://bucket/name`. */
  readonly destination: string;
  /** What the operation needs, named when GCS says 403. */
  readonly permission: string;
}

interface GcsErrorBody {
  readonly message: string | undefined;
  readonly reason: string | undefined;
  /** The form is that of GCS: a front end or a proxy says other things. */
  readonly isOfGcs: boolean;
}

const THROTTLING_REASONS: ReadonlySet<string> = new Set([
  'rateLimitExceeded',
  'userRateLimitExceeded',
  'quotaExceeded',
]);

/** @see https://cloud.google.com/storage/docs/json_api/v1/status-codes */
export function gcsStatusError(
  operation: GcsOperation,
  status: number,
  headers: ResponseHeaders,
  body: string,
): DestinationError {
  const said = parseErrorBody(body);
  const context: ErrorContext = {
    op: operation.op,
    destination: operation.destination,
    httpStatus: status,
    retryAfterMs: parseRetryAfterMs(headerText(headers, 'retry-after'), Date.now()),
  };
  const code = destinationErrorCode(operation, status, said);
  const words = [`HTTP ${status}`];
  if (status === 404 && code !== 'DESTINATION_NOT_FOUND') words.push('not in the words of GCS');
  if (said.reason !== undefined) words.push(said.reason);
  if (said.message !== undefined) words.push(said.message);
  if (code === 'DESTINATION_FORBIDDEN') words.push(`${operation.permission} is needed`);
  if (code === 'DESTINATION_CHECKSUM_REJECTED') words.push(`GCS refused the ${refusedChecksum(said) ?? 'checksum'}`);
  return new DestinationError(code, `${operation.op} ${operation.destination}: ${words.join('; ')}`, context);
}

function destinationErrorCode({ op }: GcsOperation, status: number, said: GcsErrorBody): DestinationErrorCode {
  switch (status) {
    case 400:
      return refusedChecksum(said) === undefined ? 'DESTINATION_REJECTED' : 'DESTINATION_CHECKSUM_REJECTED';
    case 401:
      return 'DESTINATION_FORBIDDEN';
    case 403:
      return said.reason !== undefined && THROTTLING_REASONS.has(said.reason)
        ? 'DESTINATION_THROTTLED'
        : 'DESTINATION_FORBIDDEN';
    case 404:
      return said.isOfGcs || (op === UPLOAD && said.message !== undefined)
        ? 'DESTINATION_NOT_FOUND'
        : 'DESTINATION_UNAVAILABLE';
    case 412:
      return 'DESTINATION_PRECONDITION_FAILED';
    case 429:
      return 'DESTINATION_THROTTLED';
    // 409: another request is changing the same object at this moment.
    case 408:
    case 409:
      return 'DESTINATION_UNAVAILABLE';
    default:
      return status >= 500 ? 'DESTINATION_UNAVAILABLE' : 'DESTINATION_REJECTED';
  }
}

/** `Provided CRC32C "…" doesn't match calculated CRC32C "…".`, and likewise for MD5. */
function refusedChecksum(said: GcsErrorBody): 'CRC32C' | 'MD5' | undefined {
  const message = said.message ?? '';
  if (!/match|mismatch/i.test(message)) return undefined;
  if (/crc32c/i.test(message)) return 'CRC32C';
  return /md5/i.test(message) ? 'MD5' : undefined;
}

/** GCS answers it with bare text, too, as a page of a front end may be elsewhere. */
const UPLOAD = 'objects.insert';

/** `{"error":{"message":…,"errors":[{"reason":…}]}}`; uploads may answer with bare text. */
function parseErrorBody(body: string): GcsErrorBody {
  try {
    const parsed = JSON.parse(body) as { error?: { message?: unknown; errors?: { reason?: unknown }[] } } | null;
    const message = parsed?.error?.message;
    const reason = parsed?.error?.errors?.[0]?.reason;
    return {
      message: typeof message === 'string' ? message : undefined,
      reason: typeof reason === 'string' ? reason : undefined,
      isOfGcs: typeof message === 'string',
    };
  } catch {
    // Not JSON: what it says is still worth having, unless it is a page of HTML. The half of a secret is not told by its form.
    const text = redactSecrets(body.trim());
    const message = text === '' || text.startsWith('<') ? undefined : text.slice(0, 500);
    return { message, reason: undefined, isOfGcs: false };
  }
}

/** An answer that is cut off or not what was asked for says nothing about whether the request was carried out. */
export function gcsUnreadableAnswer({ op, destination }: GcsOperation, cause: unknown): DestinationError {
  return new DestinationError('DESTINATION_UNAVAILABLE', `${op} ${destination}: unreadable answer: ${String(cause)}`, {
    op,
    destination,
    cause,
  });
}

/** True where a 404 means the bucket and not the object. */
export function saysBucketIsMissing(error: DestinationError): boolean {
  return error.code === 'DESTINATION_NOT_FOUND' && /bucket does not exist/i.test(error.message);
}

/** @returns the error to throw for a request that broke off: the given one where it was aborted or is a defect */
export function gcsConnectionError(operation: GcsOperation, error: unknown, signal: AbortSignal): unknown {
  const description = signal.aborted ? undefined : describeConnectionFailure(error);
  if (description === undefined) return error;
  return new DestinationError('DESTINATION_CONNECTION', `${operation.op} ${operation.destination}: ${description}`, {
    op: operation.op,
    destination: operation.destination,
    cause: error,
  });
}
