import { status } from '@grpc/grpc-js';
import { ConfigurationError, ObjectTransferError, ServiceError } from '../domain/errors.ts';

/** One call of a Google service, for the errors that come of it. */
export interface GoogleServiceCall {
  /** `Datastore`, `Secret Manager`. */
  readonly service: string;
  readonly host: string;
  readonly projectId: string;
  /** The method, as the service names it: `Lookup`. */
  readonly op: string;
  /** What is read. */
  readonly source: string;
  /** Says what an answer means for this call, where it means more than {@link googleServiceError} knows. */
  readonly explain?: (code: status, details: string) => ConfigurationError | undefined;
}

/** @see https://cloud.google.com/datastore/docs/concepts/errors */
const PASSING_CODES: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
]);

/** How `@grpc/grpc-js` words that a call was not sent because there was no access token for it. */
const NO_TOKEN = /^Getting metadata from plugin failed with error: /;
/** What the network says where a token could not be asked for; other reasons are refusals. */
const NETWORK_FAILURE = /ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|socket hang up|timed? ?out/i;

/** What `@grpc/grpc-js` adds where it has nothing to add. */
const EMPTY_NOTE = /\.?\s*Resolution note:\s*$/;

/**
 * Names a failure that a Google client reported. Carries no cause: the library's errors may hold a request with its token.
 * @returns ConfigurationError `CONFIG_ACCESS_DENIED`; ServiceError `SERVICE_UNAVAILABLE`, `SERVICE_REJECTED`
 */
export function googleServiceError(error: unknown, call: GoogleServiceCall): ObjectTransferError {
  if (error instanceof ObjectTransferError) return error;
  const { code, details } = readFailure(error);
  const explained = call.explain?.(code, details);
  if (explained !== undefined) return explained;
  const context = { op: call.op, source: call.source };
  const said = `${status[code] ?? code}: ${details}`;
  if (NO_TOKEN.test(details)) {
    const reason = `Google gave no access token for ${call.service}: ${details.replace(NO_TOKEN, '')}`;
    if (NETWORK_FAILURE.test(details)) return new ServiceError('SERVICE_UNAVAILABLE', reason, context);
    return new ConfigurationError('CONFIG_ACCESS_DENIED', reason, context);
  }
  if (code === status.PERMISSION_DENIED || code === status.UNAUTHENTICATED) {
    const place = `${call.service} in the project ${call.projectId}`;
    return new ConfigurationError('CONFIG_ACCESS_DENIED', `no access to ${place} (${call.source}): ${said}`, context);
  }
  if (PASSING_CODES.has(code)) {
    return new ServiceError('SERVICE_UNAVAILABLE', `${call.service} at ${call.host}: ${said}`, context);
  }
  const refusal = `${call.service} at ${call.host} refused ${call.op} of ${call.source}: ${said}`;
  return new ServiceError('SERVICE_REJECTED', refusal, context);
}

function readFailure(error: unknown): { readonly code: status; readonly details: string } {
  if (!(error instanceof Error)) return { code: status.UNKNOWN, details: String(error) };
  const code = 'code' in error && typeof error.code === 'number' ? error.code : status.UNKNOWN;
  const details = 'details' in error && typeof error.details === 'string' ? error.details : error.message;
  return { code, details: details.replace(EMPTY_NOTE, '') };
}
