import { status } from '@grpc/grpc-js';
import { GrpcError } from '../grpc/grpc-error.ts';

export interface SecretName {
  readonly project: string;
  readonly secretId: string;
}

export interface VersionName extends SecretName {
  /** A number, or `latest`. */
  readonly version: string;
}

/** @param parent `projects/PROJECT` */
export function parseProjectName(parent: string): string {
  const [, project = ''] = match(/^projects\/([^/]+)$/, parent);
  return project;
}

/** @param name `projects/PROJECT/secrets/ID` */
export function parseSecretName(name: string): SecretName {
  const [, project = '', secretId = ''] = match(/^projects\/([^/]+)\/secrets\/([^/]+)$/, name);
  return { project, secretId };
}

/** @param name `projects/PROJECT/secrets/ID/versions/VERSION` */
export function parseVersionName(name: string): VersionName {
  const pattern = /^projects\/([^/]+)\/secrets\/([^/]+)\/versions\/(\d+|latest)$/;
  const [, project = '', secretId = '', version = ''] = match(pattern, name);
  return { project, secretId, version };
}

export function secretName({ project, secretId }: SecretName): string {
  return `projects/${project}/secrets/${secretId}`;
}

function match(pattern: RegExp, name: string): RegExpExecArray {
  const found = pattern.exec(name);
  if (found === null)
    throw new GrpcError(status.INVALID_ARGUMENT, `Invalid resource field value in the request: ${name}`);
  return found;
}
