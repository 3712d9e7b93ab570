import { status } from '@grpc/grpc-js';
import { GrpcError } from '../grpc/grpc-error.ts';

/** The refusals of Pub/Sub, in its own words as far as they are known from reports of its users. */

export function notFound(resourceId: string): GrpcError {
  return new GrpcError(status.NOT_FOUND, `Resource not found (resource=${resourceId}).`);
}

export function alreadyExists(resourceId: string): GrpcError {
  return new GrpcError(status.ALREADY_EXISTS, `Resource already exists in the project (resource=${resourceId}).`);
}

export function invalidArgument(details: string): GrpcError {
  return new GrpcError(status.INVALID_ARGUMENT, details);
}

export function unimplemented(what: string): GrpcError {
  return new GrpcError(status.UNIMPLEMENTED, `${what} is not offered by this local Pub/Sub.`);
}

/** @throws {GrpcError} INVALID_ARGUMENT where the value lies outside */
export function checkRange(name: string, value: number, min: number, max: number): void {
  const passed = `You passed ${value} in the request, but the`;
  if (value < min) throw invalidArgument(`The value for ${name} is too small. ${passed} minimum value is ${min}.`);
  if (value > max) throw invalidArgument(`The value for ${name} is too large. ${passed} maximum value is ${max}.`);
}
