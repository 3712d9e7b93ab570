import { ConfigurationError, SourceError, type ErrorContext, type SourceErrorCode } from '../domain/errors.ts';
import { describeConnectionFailure } from './connection-failure.ts';
import { headerText, type ResponseHeaders } from './header-values.ts';
import { parseRetryAfterMs } from './retry-after.ts';
import { parseS3ErrorBody, type S3ErrorBody } from './s3-error-body.ts';

/** Errors of S3 and CloudFront: from a refused or broken request to the class that says what to do about it. */

export interface SourceRequest {
  /** In the words of the service: `GetObject`. */
  readonly op: string;
  /** `s3://bucket/key`, or the URL without its query. */
  readonly source: string;
  readonly throughCdn: boolean;
  /** What an `AccessDenied` may mean for this request, appended to its message. */
  readonly forbiddenHint?: string | undefined;
}

/** The proof of identity was refused: by CloudFront's signed URLs, or by SigV4. */
const SIGNATURE_CODES: ReadonlySet<string> = new Set([
  'MissingKey',
  'InvalidKey',
  'MissingPolicy',
  'MalformedPolicy',
  'MissingSignature',
  'MalformedSignature',
  'InvalidSignature',
  'SignatureDoesNotMatch',
  'RequestExpired',
  'InvalidAccessKeyId',
  'ExpiredToken',
  'InvalidToken',
  'TokenRefreshRequired',
]);
const THROTTLING_CODES: ReadonlySet<string> = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
]);

/** @param body the first part of the error's body; empty for HEAD */
export function sourceStatusError(
  request: SourceRequest,
  status: number,
  headers: ResponseHeaders,
  body: string,
): SourceError | ConfigurationError {
  const said = parseS3ErrorBody(body);
  const context: ErrorContext = {
    op: request.op,
    source: request.source,
    httpStatus: status,
    retryAfterMs: parseRetryAfterMs(headerText(headers, 'retry-after'), Date.now()),
  };
  if (said.code === 'NoSuchBucket') {
    return new ConfigurationError('CONFIG_BUCKET_MISSING', `there is no such bucket: ${request.source}`, context);
  }
  if (said.code === 'RequestTimeTooSkewed') {
    const there = headerText(headers, 'date') ?? 'another one';
    return new ConfigurationError(
      'CONFIG_CLOCK_SKEW',
      `${request.op} ${request.source}: S3 refuses what is signed by a wrong clock: this machine has ${new Date().toUTCString()}, S3 ${there}`,
      context,
    );
  }
  const code = sourceErrorCode(request, status, headers, said);
  return new SourceError(
    code,
    `${request.op} ${request.source}: ${explain(request, code, status, headers, said)}`,
    context,
  );
}

function sourceErrorCode(
  request: SourceRequest,
  status: number,
  headers: ResponseHeaders,
  said: S3ErrorBody,
): SourceErrorCode {
  if (said.code !== undefined && THROTTLING_CODES.has(said.code)) return 'SOURCE_THROTTLED';
  if (said.code !== undefined && SIGNATURE_CODES.has(said.code)) return 'SOURCE_SIGNATURE_REJECTED';
  // S3 answers 400 when it has waited too long for the request.
  if (said.code === 'RequestTimeout') return 'SOURCE_UNAVAILABLE';
  switch (status) {
    case 401:
      return 'SOURCE_FORBIDDEN';
    case 403:
      if (said.code === 'InvalidObjectState') return 'SOURCE_ARCHIVED';
      return request.throughCdn && isCdnDenial(headers, said) ? 'SOURCE_SIGNATURE_REJECTED' : 'SOURCE_FORBIDDEN';
    case 404:
      return 'SOURCE_NOT_FOUND';
    // 416: the object is shorter than it was when the range was cut.
    case 412:
    case 416:
      return 'SOURCE_CHANGED';
    case 429:
      return 'SOURCE_THROTTLED';
    case 408:
      return 'SOURCE_UNAVAILABLE';
    default:
      return status >= 500 ? 'SOURCE_UNAVAILABLE' : 'SOURCE_REJECTED';
  }
}

/**
 * CloudFront refuses an expired or invalid signed URL with the code that S3 uses for missing permissions. Its own
 * answers have no S3 request id, in the body or in a header.
 */
function isCdnDenial(headers: ResponseHeaders, said: S3ErrorBody): boolean {
  return said.code === 'AccessDenied' && said.requestId === undefined && headers['x-amz-request-id'] === undefined;
}

function explain(
  request: SourceRequest,
  code: SourceErrorCode,
  status: number,
  headers: ResponseHeaders,
  said: S3ErrorBody,
): string {
  const words = [`HTTP ${status}`];
  if (said.code !== undefined) words.push(said.code);
  if (said.message !== undefined) words.push(said.message);
  const region = said.region ?? headerText(headers, 'x-amz-bucket-region');
  if (code === 'SOURCE_REJECTED' && region !== undefined) words.push(`the bucket is in the region ${region}`);
  if (code === 'SOURCE_ARCHIVED') words.push('the object must be restored before it can be read');
  if (code === 'SOURCE_FORBIDDEN' && request.forbiddenHint !== undefined) words.push(request.forbiddenHint);
  return words.join('; ');
}

/** @returns the error to throw for a request that broke off: the given one where it was aborted or is a defect */
export function sourceConnectionError(request: SourceRequest, error: unknown, signal: AbortSignal): unknown {
  const description = signal.aborted ? undefined : describeConnectionFailure(error);
  if (description === undefined) return error;
  return new SourceError('SOURCE_CONNECTION', `${request.op} ${request.source}: ${description}`, {
    op: request.op,
    source: request.source,
    cause: error,
  });
}
