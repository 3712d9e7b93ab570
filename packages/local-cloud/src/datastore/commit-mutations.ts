import { status } from '@grpc/grpc-js';
import { GrpcError } from '../grpc/grpc-error.ts';
import type { Database, DatabaseChanges, WriteKind } from './database.ts';
import { invalidArgument, notOffered } from './datastore-errors.ts';
import { isComplete, keyText, normalizeKey } from './entity-key.ts';
import { storableProperties } from './entity-values.ts';
import { isOutdated, type Transaction } from './transactions.ts';
import type { DatabaseRef, Entity, Mutation } from './wire-types.ts';

const WRITE_KINDS: readonly WriteKind[] = ['insert', 'update', 'upsert'];

/**
 * Writes all mutations of a commit or none of them; Datastore promises as much only for transactions.
 * @returns one MutationResult for each mutation
 * @throws {GrpcError} ALREADY_EXISTS, NOT_FOUND, INVALID_ARGUMENT; ABORTED where another commit changed what the
 *   transaction had read
 */
export function commitMutations(
  mutations: readonly Mutation[],
  ref: DatabaseRef,
  database: Database,
  transaction: Transaction | undefined,
): readonly object[] {
  if (transaction?.readOnly === true && mutations.length > 0) {
    throw invalidArgument('Cannot modify entities in a read-only transaction.');
  }
  if (transaction !== undefined && isOutdated(transaction)) {
    throw new GrpcError(status.ABORTED, 'too much contention on these datastore entities. please try again.');
  }
  if (transaction === undefined) refuseRepetitions(mutations, ref);
  return database.change((changes) => mutations.map((mutation) => apply(mutation, ref, changes)));
}

function apply(mutation: Mutation, ref: DatabaseRef, changes: DatabaseChanges): object {
  if (mutation.propertyMask !== null || mutation.propertyTransforms.length > 0) {
    throw notOffered('property masks and transforms');
  }
  if (mutation.baseVersion !== undefined || mutation.updateTime !== undefined) {
    throw notOffered('conflict detection by version');
  }
  const { version } = changes;
  if (mutation.delete !== undefined) {
    changes.delete(normalizeKey(mutation.delete, ref));
    return { version };
  }
  const [kind, entity] = writeOf(mutation);
  const key = normalizeKey(entity.key, ref);
  const stored = changes.put(kind, key, storableProperties(entity.properties));
  const { createTime, updateTime } = stored;
  const last = key.path.at(-1);
  const chosen = last !== undefined && !isComplete(last);
  return { key: chosen ? stored.key : null, version, createTime, updateTime };
}

function writeOf(mutation: Mutation): readonly [WriteKind, Entity] {
  for (const kind of WRITE_KINDS) {
    const entity = mutation[kind];
    if (entity !== undefined) return [kind, entity];
  }
  throw invalidArgument('A mutation has no operation.');
}

function refuseRepetitions(mutations: readonly Mutation[], ref: DatabaseRef): void {
  const keys = mutations
    .map(({ insert, update, upsert, delete: deleted }) => deleted ?? (insert ?? update ?? upsert)?.key ?? null)
    .map((key) => normalizeKey(key, ref))
    .filter(({ path }) => path.every(isComplete))
    .map(keyText);
  if (new Set(keys).size === keys.length) return;
  throw invalidArgument('A non-transactional commit may not contain multiple mutations affecting the same entity.');
}
