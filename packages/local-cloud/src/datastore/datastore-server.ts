import { CallFaults } from '../grpc/call-faults.ts';
import { loadServices } from '../grpc/load-service.ts';
import { startGrpcServer, type GrpcListenOptions, type RunningGrpcServer } from '../grpc/start-grpc-server.ts';
import { unaryMethods } from '../grpc/unary-methods.ts';
import { Databases } from './databases.ts';
import { datastoreMethods } from './datastore-methods.ts';
import { normalizeKey } from './entity-key.ts';
import { storableProperties } from './entity-values.ts';
import { wireProperties, type PlainValue } from './plain-properties.ts';

export interface DatastoreServer extends RunningGrpcServer {
  /** Makes methods fail at run time. */
  readonly faults: CallFaults;
  /** Calls by method (`Lookup`), the refused ones included. */
  stats(): { readonly calls: Readonly<Record<string, number>> };
  /**
   * Writes an entity of the default namespace without a client; replaces what was there.
   * @throws {GrpcError} INVALID_ARGUMENT for what Datastore would not store
   */
  putEntity(projectId: string, kind: string, name: string, properties: Readonly<Record<string, PlainValue>>): void;
}

/**
 * Serves Datastore over gRPC on loopback, for rehearsals and tests: keys, entities, optimistic transactions, and queries by
 * kind, equality and ancestor in the order of keys. Nothing is kept beyond `close`.
 * @throws {Error} where the port cannot be bound
 */
export async function startDatastoreServer(options: GrpcListenOptions = {}): Promise<DatastoreServer> {
  const databases = new Databases();
  const faults = new CallFaults();
  const calls = new Map<string, number>();
  const implementation = unaryMethods(datastoreMethods(databases), (method) => {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    faults.check(method);
  });
  const services = loadServices({ name: '@google-cloud/datastore-api', through: '@google-cloud/datastore' }, [
    'google.datastore.v1.Datastore',
  ]);
  const running = await startGrpcServer(
    services.map((definition) => ({ definition, implementation })),
    options,
  );
  return {
    ...running,
    faults,
    stats: () => ({ calls: Object.fromEntries(calls) }),
    putEntity: (projectId, kind, name, properties) => {
      const ref = { projectId, databaseId: '' };
      const key = normalizeKey({ partitionId: null, path: [{ kind, name }] }, ref);
      const storable = storableProperties(wireProperties(properties));
      databases.get(ref).change((changes) => changes.put('upsert', key, storable));
    },
  };
}
