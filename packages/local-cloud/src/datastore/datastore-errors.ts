import { status } from '@grpc/grpc-js';
import { GrpcError } from '../grpc/grpc-error.ts';

export function invalidArgument(details: string): GrpcError {
  return new GrpcError(status.INVALID_ARGUMENT, details);
}

/** What Datastore does and this server does not: said, so that nobody takes the answer for Datastore's. */
export function notOffered(what: string): GrpcError {
  return new GrpcError(status.UNIMPLEMENTED, `The local Datastore does not offer ${what}.`);
}
