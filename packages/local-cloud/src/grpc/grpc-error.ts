import { status } from '@grpc/grpc-js';

/** A status code of gRPC other than OK, by its number. */
export type GrpcStatus = status;

/**
 * Ends a call with this status. Client libraries read `code` to decide about retries and show `details`.
 * @see https://grpc.io/docs/guides/status-codes/
 */
export class GrpcError extends Error {
  override readonly name = 'GrpcError';
  readonly code: GrpcStatus;
  readonly details: string;

  constructor(code: GrpcStatus, details: string, options?: ErrorOptions) {
    super(`${code} ${status[code]}: ${details}`, options);
    this.code = code;
    this.details = details;
  }
}

/** What to end a call with: a refusal as it is, anything else as INTERNAL with the error's text, as it is a defect here. */
export function toGrpcError(error: unknown): GrpcError {
  if (error instanceof GrpcError) return error;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new GrpcError(status.INTERNAL, text, { cause: error });
}
