import { CallFaults } from '../grpc/call-faults.ts';
import { loadServices } from '../grpc/load-service.ts';
import { startGrpcServer, type GrpcListenOptions, type RunningGrpcServer } from '../grpc/start-grpc-server.ts';
import { unaryMethods } from '../grpc/unary-methods.ts';
import { secretMethods } from './secret-methods.ts';
import { SecretStore } from './secret-store.ts';

export interface SecretManagerServer extends RunningGrpcServer {
  /** Makes methods fail at run time. */
  readonly faults: CallFaults;
  /** Calls by method (`AccessSecretVersion`), the refused ones included. */
  stats(): { readonly calls: Readonly<Record<string, number>> };
  /** Adds a version with this text to a secret, which is made unless it exists. */
  putSecret(projectId: string, secretId: string, text: string): void;
}

/**
 * Serves Secret Manager over gRPC on loopback, for rehearsals and tests. Global secrets only; rotation, expiry,
 * etags and filters are not offered.
 * @throws {Error} where the port cannot be bound
 */
export async function startSecretManagerServer(options: GrpcListenOptions = {}): Promise<SecretManagerServer> {
  const store = new SecretStore();
  const faults = new CallFaults();
  const calls = new Map<string, number>();
  const implementation = unaryMethods(secretMethods(store), (method) => {
    calls.set(method, (calls.get(method) ?? 0) + 1);
    faults.check(method);
  });
  const services = loadServices({ name: '@google-cloud/secret-manager' }, [
    'google.cloud.secretmanager.v1.SecretManagerService',
  ]);
  const running = await startGrpcServer(
    services.map((definition) => ({ definition, implementation })),
    options,
  );
  return {
    ...running,
    faults,
    stats: () => ({ calls: Object.fromEntries(calls) }),
    putSecret: (project, secretId, text) => {
      const secret = store.find({ project, secretId }) ?? store.create({ project, secretId }, {});
      secret.addVersion(Buffer.from(text));
    },
  };
}
