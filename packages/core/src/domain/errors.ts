import { redactSecrets } from './redact-secrets.ts';

/**
 * Every failure that the tool names is one of these classes. `code` is stable: it is what reports, the error table and
 * scripts match on. `retryable` says whether the same request may succeed later; `classify-error.ts` decides what is
 * done about it. Messages name the thing that failed and never hold a signature, a token or a secret, also where they say
 * what a server has answered, which may be all that it was sent.
 */

export interface ErrorContext {
  /** What was being done, in the words of the service: `GetObject`, `objects.insert`, `claim`. */
  readonly op: string;
  /** What was read: a key, a URL without its query, a table. */
  readonly source?: string | undefined;
  /** What was being written. */
  readonly destination?: string | undefined;
  readonly cause?: unknown;
  /** HTTP status of the answer, where there was one. */
  readonly httpStatus?: number | undefined;
  /** What the service asked to wait (`Retry-After`). */
  readonly retryAfterMs?: number | undefined;
}

/** Base of all errors of the tool. Not thrown itself. */
export abstract class ObjectTransferError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly retryable: boolean;
  readonly op: string;
  readonly source: string | undefined;
  readonly destination: string | undefined;
  readonly httpStatus: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: Code, retryable: boolean, message: string, context: ErrorContext) {
    super(redactSecrets(message), context.cause === undefined ? undefined : { cause: context.cause });
    this.name = new.target.name;
    this.code = code;
    this.retryable = retryable;
    this.op = context.op;
    this.source = context.source;
    this.destination = context.destination;
    this.httpStatus = context.httpStatus;
    this.retryAfterMs = context.retryAfterMs;
  }
}

export type ConfigurationErrorCode =
  | 'CONFIG_INVALID'
  | 'CONFIG_UNREADABLE'
  | 'CONFIG_ENTITY_MISSING'
  | 'CONFIG_SECRET_MISSING'
  | 'CONFIG_SECRET_INVALID'
  | 'CONFIG_ACCESS_DENIED'
  | 'CONFIG_QUEUE_MISSING'
  | 'CONFIG_CLOCK_SKEW'
  | 'CONFIG_BUCKET_MISSING'
  | 'CONFIG_TOOL_MISSING'
  | 'CONFIG_KEY_UNREADABLE'
  | 'CONFIG_DUMP_FILE_FORMAT'
  | 'CONFIG_STATE_MISSING'
  | 'CONFIG_STATE_TOO_NEW'
  | 'CONFIG_STATE_INCOMPATIBLE';

/** What the operator gave cannot work: nothing was started. The command ends with exit code 2. */
export class ConfigurationError extends ObjectTransferError<ConfigurationErrorCode> {
  constructor(code: ConfigurationErrorCode, message: string, context: Partial<ErrorContext> = {}) {
    super(code, false, message, { op: 'configure', ...context });
  }
}

export type SourceErrorCode =
  | 'SOURCE_NOT_FOUND'
  | 'SOURCE_FORBIDDEN'
  | 'SOURCE_SIGNATURE_REJECTED'
  | 'SOURCE_ARCHIVED'
  | 'SOURCE_CHANGED'
  | 'SOURCE_STALE_COPY'
  | 'SOURCE_TRANSFORMED_COPY'
  | 'SOURCE_SIZE_MISMATCH'
  | 'SOURCE_RANGE_NOT_HONOURED'
  | 'SOURCE_THROTTLED'
  | 'SOURCE_UNAVAILABLE'
  | 'SOURCE_CONNECTION'
  | 'SOURCE_REJECTED'
  | 'SOURCE_LISTING_INVALID'
  | 'SOURCE_KEY_OUTSIDE_ROOT';

const RETRYABLE_SOURCE_CODES: ReadonlySet<SourceErrorCode> = new Set<SourceErrorCode>([
  'SOURCE_SIZE_MISMATCH',
  'SOURCE_STALE_COPY',
  'SOURCE_TRANSFORMED_COPY',
  'SOURCE_RANGE_NOT_HONOURED',
  'SOURCE_THROTTLED',
  'SOURCE_UNAVAILABLE',
  'SOURCE_CONNECTION',
  'SOURCE_LISTING_INVALID',
]);

/** Reading or listing S3, directly or through the CDN, failed. */
export class SourceError extends ObjectTransferError<SourceErrorCode> {
  constructor(code: SourceErrorCode, message: string, context: ErrorContext) {
    super(code, RETRYABLE_SOURCE_CODES.has(code), message, context);
  }
}

export type DestinationErrorCode =
  | 'DESTINATION_NAME_FORBIDDEN'
  | 'DESTINATION_METADATA_TOO_LARGE'
  | 'DESTINATION_NOT_FOUND'
  | 'DESTINATION_FORBIDDEN'
  | 'DESTINATION_PRECONDITION_FAILED'
  | 'DESTINATION_CHECKSUM_REJECTED'
  | 'DESTINATION_THROTTLED'
  | 'DESTINATION_UNAVAILABLE'
  | 'DESTINATION_CONNECTION'
  | 'DESTINATION_REJECTED'
  | 'DESTINATION_LISTING_INVALID';

const RETRYABLE_DESTINATION_CODES: ReadonlySet<DestinationErrorCode> = new Set<DestinationErrorCode>([
  'DESTINATION_CHECKSUM_REJECTED',
  'DESTINATION_THROTTLED',
  'DESTINATION_UNAVAILABLE',
  'DESTINATION_CONNECTION',
  'DESTINATION_LISTING_INVALID',
]);

/** Writing to or listing GCS failed. */
export class DestinationError extends ObjectTransferError<DestinationErrorCode> {
  constructor(code: DestinationErrorCode, message: string, context: ErrorContext) {
    super(code, RETRYABLE_DESTINATION_CODES.has(code), message, context);
  }
}

export type TransferErrorCode =
  | 'TRANSFER_CHECKSUM_MISMATCH'
  | 'TRANSFER_UNCHECKED'
  | 'TRANSFER_NAME_AMBIGUOUS'
  | 'TRANSFER_TOOL_FAILED'
  | 'TRANSFER_TOOL_TIMEOUT';

/** What arrived is not what was sent, another writer is in the way, or another program did not move it. */
export class TransferError extends ObjectTransferError<TransferErrorCode> {
  constructor(code: TransferErrorCode, message: string, context: ErrorContext) {
    super(code, code === 'TRANSFER_CHECKSUM_MISMATCH', message, context);
  }
}

export type StateErrorCode =
  | 'STATE_UNAVAILABLE'
  | 'STATE_STORAGE_FULL'
  | 'STATE_READ_ONLY'
  | 'STATE_CORRUPT'
  | 'STATE_LEASE_LOST'
  | 'STATE_SUBFOLDER_BUSY'
  | 'STATE_RUN_ACTIVE';

/** The state store or the queue could not do what was asked. */
export class StateError extends ObjectTransferError<StateErrorCode> {
  constructor(code: StateErrorCode, message: string, context: ErrorContext) {
    super(code, code === 'STATE_UNAVAILABLE', message, context);
  }
}

export type ServiceErrorCode = 'SERVICE_UNAVAILABLE' | 'SERVICE_REJECTED';

/** Pub/Sub, Datastore or Secret Manager could not do what was asked. */
export class ServiceError extends ObjectTransferError<ServiceErrorCode> {
  constructor(code: ServiceErrorCode, message: string, context: ErrorContext) {
    super(code, code === 'SERVICE_UNAVAILABLE', message, context);
  }
}

/** Told to stop before the end. What was done until then is kept; the same command goes on from there. */
export class StoppedError extends ObjectTransferError<'STOPPED'> {
  constructor(reason: string) {
    super('STOPPED', false, reason, { op: 'stop' });
  }
}

export type MessageErrorCode = 'MESSAGE_MALFORMED' | 'MESSAGE_TOO_LARGE';

/** A message that no worker can ever use: it is dead-lettered with this reason, never retried. */
export class MessageError extends ObjectTransferError<MessageErrorCode> {
  constructor(code: MessageErrorCode, message: string, context: ErrorContext) {
    super(code, false, message, context);
  }
}
