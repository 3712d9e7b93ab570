import type { StoredEntity } from './database.ts';
import { invalidArgument, notOffered } from './datastore-errors.ts';
import { compareKeys, normalizeKey } from './entity-key.ts';
import { matchesValue } from './entity-values.ts';
import type { DatabaseRef, Filter, PartitionId, PathElement, Query } from './wire-types.ts';

export interface QueryBatch {
  readonly entities: readonly StoredEntity[];
  readonly keysOnly: boolean;
  readonly skippedResults: number;
  readonly endCursor: Buffer;
  readonly moreResults: 'NOT_FINISHED' | 'MORE_RESULTS_AFTER_LIMIT' | 'MORE_RESULTS_AFTER_CURSOR' | 'NO_MORE_RESULTS';
}

/** What Datastore gives at most in one answer; the client asks for the rest by itself. */
const BATCH_SIZE = 300;
const KEY = '__key__';

/**
 * Answers a query by kind, equality and ancestor, in the order of keys.
 * @throws {GrpcError} INVALID_ARGUMENT; UNIMPLEMENTED for other filters and orders, projections and groups
 */
export function runQuery(query: Query, partition: PartitionId, stored: Iterable<StoredEntity>): QueryBatch {
  const keysOnly = refuseOthers(query);
  const [kind] = query.kind;
  const direction = query.order[0]?.direction === 'DESCENDING' ? -1 : 1;
  const [after, until] = [readCursor(query.startCursor), readCursor(query.endCursor)];
  const isWanted = toPredicate(query.filter, partition);
  const all = [...stored]
    .filter(({ key }) => key.partitionId.namespaceId === partition.namespaceId)
    .filter(({ key }) => kind === undefined || key.path.at(-1)?.kind === kind.name)
    .filter(isWanted)
    .toSorted((a, b) => direction * compareKeys(a.key.path, b.key.path))
    .filter(({ key }) => after === undefined || direction * compareKeys(key.path, after) > 0);
  const inside = all.filter(({ key }) => until === undefined || direction * compareKeys(key.path, until) <= 0);

  const skippedResults = Math.min(query.offset, inside.length);
  const left = inside.slice(skippedResults);
  const limit = query.limit?.value ?? Number.POSITIVE_INFINITY;
  const entities = left.slice(0, Math.min(limit, BATCH_SIZE));
  const last = entities.at(-1) ?? inside[skippedResults - 1];
  return {
    entities,
    keysOnly,
    skippedResults,
    endCursor: last === undefined ? query.startCursor : writeCursor(last.key.path),
    moreResults: moreResults(),
  };

  function moreResults(): QueryBatch['moreResults'] {
    if (entities.length < Math.min(limit, left.length)) return 'NOT_FINISHED';
    if (entities.length < left.length) return 'MORE_RESULTS_AFTER_LIMIT';
    return inside.length < all.length ? 'MORE_RESULTS_AFTER_CURSOR' : 'NO_MORE_RESULTS';
  }
}

/** @returns whether only keys are asked for */
function refuseOthers({ kind, projection, order, distinctOn, findNearest, limit, offset }: Query): boolean {
  if (kind.length > 1) throw invalidArgument('multiple kinds not supported');
  if (offset < 0) throw invalidArgument('Offset must be non-negative.');
  if ((limit?.value ?? 0) < 0) throw invalidArgument('Limit must be non-negative.');
  if (order.some(({ property }) => property?.name !== KEY) || order.length > 1) throw notOffered('orders but by key');
  if (projection.some(({ property }) => property?.name !== KEY)) throw notOffered('projections but of the key');
  if (distinctOn.length > 0) throw notOffered('groups');
  if (findNearest !== null) throw notOffered('searches for neighbours');
  return projection.length > 0;
}

function toPredicate(filter: Filter | null, database: DatabaseRef): (entity: StoredEntity) => boolean {
  if (filter === null) return () => true;
  const { compositeFilter, propertyFilter } = filter;
  if (compositeFilter !== undefined) {
    const parts = compositeFilter.filters.map((part) => toPredicate(part, database));
    if (compositeFilter.op === 'OR') return (entity) => parts.some((part) => part(entity));
    return (entity) => parts.every((part) => part(entity));
  }
  const { property, op, value } = propertyFilter ?? {};
  if (!property || !value) throw invalidArgument('A filter has neither a property nor a value.');
  const { name } = property;
  if (name === KEY) {
    const { path } = normalizeKey(value.keyValue ?? null, database);
    if (op === 'EQUAL') return ({ key }) => compareKeys(key.path, path) === 0;
    if (op === 'HAS_ANCESTOR') return ({ key }) => compareKeys(key.path.slice(0, path.length), path) === 0;
  } else if (op === 'EQUAL') {
    return ({ properties }) => matchesValue(properties[name], value);
  }
  throw notOffered(`the filter ${op} of ${name}`);
}

/** A cursor is the key of the last result before it. */
function writeCursor(path: readonly PathElement[]): Buffer {
  return Buffer.from(JSON.stringify(path));
}

function readCursor(cursor: Buffer): readonly PathElement[] | undefined {
  if (cursor.length === 0) return undefined;
  try {
    return JSON.parse(cursor.toString()) as readonly PathElement[];
  } catch {
    throw invalidArgument('The cursor is not one of this server.');
  }
}
