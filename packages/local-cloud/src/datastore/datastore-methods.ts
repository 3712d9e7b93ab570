import { commitMutations } from './commit-mutations.ts';
import { now, type Database, type StoredEntity } from './database.ts';
import type { Databases } from './databases.ts';
import { invalidArgument, notOffered } from './datastore-errors.ts';
import { isComplete, keyText, normalizeKey, normalizePartition, requireComplete } from './entity-key.ts';
import { runQuery } from './run-query.ts';
import { Transactions } from './transactions.ts';
import type * as wire from './wire-types.ts';

interface LookupRequest extends wire.DatabaseRef {
  readonly readOptions: wire.ReadOptions | null;
  readonly keys: readonly wire.Key[];
  readonly propertyMask: object | null;
}

interface RunQueryRequest extends wire.DatabaseRef {
  readonly partitionId: wire.PartitionId | null;
  readonly readOptions: wire.ReadOptions | null;
  readonly query?: wire.Query;
  readonly propertyMask: object | null;
  readonly explainOptions: object | null;
}

interface BeginTransactionRequest extends wire.DatabaseRef {
  readonly transactionOptions: wire.TransactionOptions | null;
}

interface CommitRequest extends wire.DatabaseRef {
  readonly mode: string;
  readonly transaction?: Buffer;
  readonly singleUseTransaction?: wire.TransactionOptions;
  readonly mutations: readonly wire.Mutation[];
}

interface RollbackRequest extends wire.DatabaseRef {
  readonly transaction: Buffer;
}

interface KeysRequest extends wire.DatabaseRef {
  readonly keys: readonly wire.Key[];
}

/** The entities that a read sees. */
interface View {
  readonly entities: ReadonlyMap<string, StoredEntity>;
  readonly noteRead: (key: string) => void;
  /** The transaction that the read has begun. */
  readonly transaction: Buffer | undefined;
}

/**
 * The methods of google.datastore.v1.Datastore that this server offers.
 * @see https://cloud.google.com/datastore/docs/reference/data/rpc/google.datastore.v1
 */
export function datastoreMethods(databases: Databases) {
  const transactions = new Transactions();

  const view = (database: Database, options: wire.ReadOptions | null): View => {
    if (options?.readTime !== undefined) throw notOffered('reads of the past');
    const { newTransaction, transaction: id } = options ?? {};
    if (newTransaction === undefined && id === undefined) {
      return { entities: database.entities, noteRead: () => {}, transaction: undefined };
    }
    const transaction =
      id === undefined
        ? transactions.begin(database, newTransaction?.readOnly !== undefined)
        : transactions.get(id, database);
    return {
      entities: transaction.snapshot,
      noteRead: (key) => transaction.reads.add(key),
      transaction: id === undefined ? transaction.id : undefined,
    };
  };

  return {
    Lookup: (request: LookupRequest) => {
      if (request.propertyMask !== null) throw notOffered('property masks');
      const keys = request.keys.map((key) => requireComplete(normalizeKey(key, request)));
      const { entities, noteRead, transaction } = view(databases.get(request), request.readOptions);
      const [found, missing]: [object[], object[]] = [[], []];
      for (const key of keys) {
        const text = keyText(key);
        noteRead(text);
        const entity = entities.get(text);
        if (entity === undefined) missing.push({ entity: { key }, version: 0 });
        else found.push(entityResult(entity));
      }
      return { found, missing, transaction, readTime: now() };
    },
    RunQuery: (request: RunQueryRequest) => {
      const { query } = request;
      if (query === undefined) throw notOffered('GQL');
      if (request.propertyMask !== null || request.explainOptions !== null) throw notOffered('masks and explanations');
      const partition = normalizePartition(request.partitionId, request);
      const { entities, noteRead, transaction } = view(databases.get(request), request.readOptions);
      const result = runQuery(query, partition, entities.values());
      for (const { key } of result.entities) noteRead(keyText(key));
      const { keysOnly, skippedResults, endCursor, moreResults } = result;
      const batch = {
        entityResultType: keysOnly ? 'KEY_ONLY' : 'FULL',
        entityResults: result.entities.map((entity) => entityResult(keysOnly ? { ...entity, properties: {} } : entity)),
        skippedResults,
        endCursor,
        moreResults,
        readTime: now(),
      };
      return { batch, transaction };
    },
    BeginTransaction: (request: BeginTransactionRequest) => {
      const readOnly = request.transactionOptions?.readOnly;
      if (readOnly?.readTime) throw notOffered('reads of the past');
      return { transaction: transactions.begin(databases.get(request), readOnly !== undefined).id };
    },
    Commit: (request: CommitRequest) => {
      const { mode, mutations, transaction: id, singleUseTransaction } = request;
      const database = databases.get(request);
      if (mode === 'NON_TRANSACTIONAL') {
        if (id !== undefined) throw invalidArgument('non-transaction commit cannot specify a transaction');
        return { mutationResults: commitMutations(mutations, request, database, undefined), commitTime: now() };
      }
      if (id === undefined && singleUseTransaction === undefined) {
        throw invalidArgument('transactional commit requires a transaction');
      }
      const transaction =
        id === undefined
          ? transactions.begin(database, singleUseTransaction?.readOnly !== undefined)
          : transactions.get(id, database);
      // Whatever comes of it, a transaction is committed once.
      transactions.end(transaction);
      return { mutationResults: commitMutations(mutations, request, database, transaction), commitTime: now() };
    },
    Rollback: (request: RollbackRequest) => {
      transactions.end(transactions.get(request.transaction, databases.get(request)));
      return {};
    },
    AllocateIds: (request: KeysRequest) => {
      const database = databases.get(request);
      const keys = request.keys.map((key) => {
        const { partitionId, path } = normalizeKey(key, request);
        const last = path.at(-1);
        if (last !== undefined && isComplete(last)) throw invalidArgument('Key path element must not be complete.');
        return { partitionId, path: database.completePath(path) };
      });
      return { keys };
    },
    ReserveIds: (request: KeysRequest) => {
      const database = databases.get(request);
      for (const key of request.keys) {
        const id = requireComplete(normalizeKey(key, request)).path.at(-1)?.id;
        if (id !== undefined) database.reserveId(id);
      }
      return {};
    },
  };
}

function entityResult({ key, properties, version, createTime, updateTime }: StoredEntity): object {
  return { entity: { key, properties }, version, createTime, updateTime };
}
