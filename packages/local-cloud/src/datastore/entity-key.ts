import { compareUtf8 } from '../content/utf8-order.ts';
import { invalidArgument } from './datastore-errors.ts';
import type { DatabaseRef, Key, PartitionId, PathElement } from './wire-types.ts';

/** A key whose partition is filled in, checked against what Datastore allows. Only its last element may be incomplete. */
export interface NormalKey {
  readonly partitionId: PartitionId;
  readonly path: readonly PathElement[];
}

const MAX_NAME_BYTES = 1500;

/**
 * Fills in the partition of a key of a request.
 * @throws {GrpcError} INVALID_ARGUMENT
 */
export function normalizeKey(key: Key | null, database: DatabaseRef): NormalKey {
  if (key === null) throw invalidArgument('Entity is missing key.');
  const last = key.path.at(-1);
  if (last === undefined) throw invalidArgument('The key path is empty.');
  for (const element of key.path) {
    checkName(element.kind, 'kind');
    if (element.name !== undefined) checkName(element.name, 'key path element name');
    if (element.id === '0') throw invalidArgument('Key path id is invalid. Must not be zero.');
    if (element !== last && !isComplete(element)) throw incomplete(element);
  }
  return { partitionId: normalizePartition(key.partitionId, database), path: key.path };
}

/** @throws {GrpcError} INVALID_ARGUMENT */
export function normalizePartition(partition: PartitionId | null, database: DatabaseRef): PartitionId {
  const { projectId, databaseId } = database;
  if (projectId === '') throw invalidArgument('The project id is the empty string.');
  if (partition === null) return { projectId, databaseId, namespaceId: '' };
  const otherProject = partition.projectId !== '' && partition.projectId !== projectId;
  if (otherProject || (partition.databaseId !== '' && partition.databaseId !== databaseId)) {
    const [asked, found] = [database, partition].map((each) => `${each.projectId}#${each.databaseId}`);
    throw invalidArgument(`mismatched databases within request: ${asked} vs. ${found}`);
  }
  const { namespaceId } = partition;
  if (!/^[\w.-]{0,100}$/.test(namespaceId)) throw invalidArgument(`Illegal string "${namespaceId}" in namespace id.`);
  return { projectId, databaseId, namespaceId };
}

/** @throws {GrpcError} INVALID_ARGUMENT for a key that leaves its id to the server */
export function requireComplete(key: NormalKey): NormalKey {
  const last = key.path.at(-1);
  if (last !== undefined && !isComplete(last)) throw incomplete(last);
  return key;
}

export function isComplete(element: PathElement): boolean {
  return element.name !== undefined || element.id !== undefined;
}

/** The same text for the same entity of a database. */
export function keyText({ partitionId, path }: NormalKey): string {
  return JSON.stringify([
    partitionId.namespaceId,
    ...path.map(({ kind, id, name }) => [kind, id ?? null, name ?? null]),
  ]);
}

/**
 * The order of query results: ids by number before names by the bytes of their UTF-8 form, parents before children.
 * @see https://cloud.google.com/datastore/docs/concepts/entities#value_type_ordering
 */
export function compareKeys(left: readonly PathElement[], right: readonly PathElement[]): number {
  for (const [index, a] of left.entries()) {
    const b = right[index];
    if (b === undefined) return 1;
    const order = compareUtf8(a.kind, b.kind) || compareIdentifiers(a, b);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function compareIdentifiers(a: PathElement, b: PathElement): number {
  if (a.id !== undefined && b.id !== undefined) {
    const difference = BigInt(a.id) - BigInt(b.id);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  if (a.id !== undefined || b.id !== undefined) return a.id === undefined ? 1 : -1;
  return compareUtf8(a.name ?? '', b.name ?? '');
}

function checkName(name: string, what: string): void {
  if (name === '') throw invalidArgument(`The ${what} is the empty string.`);
  if (/^__.*__$/s.test(name)) throw invalidArgument(`The ${what} "${name}" is reserved.`);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw invalidArgument(`The ${what} is longer than ${MAX_NAME_BYTES} bytes.`);
  }
}

function incomplete({ kind }: PathElement): Error {
  return invalidArgument(`Key path element must not be incomplete: [${kind}: ]`);
}
