import { invalidArgument } from './pubsub-errors.ts';

export type Collection = 'topics' | 'subscriptions';

export interface ResourceName {
  /** `projects/PROJECT/topics/ID`. */
  readonly name: string;
  readonly project: string;
  readonly id: string;
}

/** 3 to 255 characters, the first a letter. */
const ID = /^[A-Za-z][A-Za-z0-9._~+%-]{2,254}$/;
const RESERVED_PREFIX = 'goog';

/**
 * Takes `projects/PROJECT/topics/ID` apart.
 * @param field what the message of the refusal calls it
 * @throws {GrpcError} INVALID_ARGUMENT
 * @see https://cloud.google.com/pubsub/docs/pubsub-basics#resource_names
 */
export function parseResourceName(name: string, collection: Collection, field = 'name'): ResourceName {
  const [projects, project, kind, id, ...rest] = name.split('/');
  if (projects !== 'projects' || !project || kind !== collection || rest.length > 0 || !isResourceId(id)) {
    throw invalidName(name, field);
  }
  return { name, project, id };
}

/**
 * Takes `projects/PROJECT` apart.
 * @throws {GrpcError} INVALID_ARGUMENT
 */
export function parseProjectName(name: string): string {
  const [projects, project, ...rest] = name.split('/');
  if (projects !== 'projects' || !project || rest.length > 0) throw invalidName(name, 'name');
  return project;
}

function isResourceId(id: string | undefined): id is string {
  return id !== undefined && ID.test(id) && !id.startsWith(RESERVED_PREFIX);
}

function invalidName(name: string, field: string): Error {
  return invalidArgument(
    `Invalid resource name given (${field}=${name}). ` +
      'Refer to https://cloud.google.com/pubsub/docs/admin#resource_names for more information.',
  );
}
