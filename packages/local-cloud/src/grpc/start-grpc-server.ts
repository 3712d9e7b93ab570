import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';

export interface GrpcService {
  readonly definition: ServiceDefinition;
  /** By method name as in the proto (`CreateTopic`) or in camelCase; what is left out answers UNIMPLEMENTED. */
  readonly implementation: UntypedServiceImplementation;
}

export interface GrpcListenOptions {
  /** Default 0, a free port. */
  readonly port?: number | undefined;
  /** Larger requests are refused with RESOURCE_EXHAUSTED before the service sees them. Default: no limit. */
  readonly maxRequestBytes?: number | undefined;
}

export interface RunningGrpcServer {
  /** `127.0.0.1:PORT`, as the emulator variables of the Google clients want it. */
  readonly host: string;
  readonly port: number;
  /** Breaks open calls and their connections off, as a server does that dies: clients see UNAVAILABLE. New ones are welcome. */
  dropConnections(): void;
  /** Drops all connections and refuses new ones, until {@link comeBack}; what is stored stays. Resolves when it is gone. */
  goAway(): Promise<void>;
  /** On the same port. @throws the listen error where somebody else has it by now */
  comeBack(): Promise<void>;
  /** Breaks off what is open, too. Resolves when the port is free again. */
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

/**
 * Serves gRPC without TLS on loopback.
 * @throws the listen error (`EADDRINUSE`, `EACCES`) as Node reports it
 */
export async function startGrpcServer(
  services: readonly GrpcService[],
  options: GrpcListenOptions = {},
): Promise<RunningGrpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': options.maxRequestBytes ?? -1,
    'grpc.max_send_message_length': -1,
  });
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  // The sockets are ours, so that they can be broken as a dying server breaks them: sessions that `Server` ends itself
  // tell clients CANCELLED, which they take for their own doing and do not retry.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const sockets = new Set<Socket>();
  const listener = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    injector.injectConnection(socket);
  });
  const listen = (onPort: number) =>
    new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(onPort, LOOPBACK, () => {
        listener.off('error', reject);
        resolve();
      });
    });
  await listen(options.port ?? 0);
  const { port } = listener.address() as AddressInfo;
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const goAway = () =>
    new Promise<void>((resolve) => {
      // One that is away already has nothing to close.
      listener.close(() => resolve());
      dropConnections();
    });
  return {
    host: `${LOOPBACK}:${port}`,
    port,
    dropConnections,
    goAway,
    comeBack: () => listen(port),
    close: async () => {
      await goAway();
      injector.destroy();
      server.forceShutdown();
    },
  };
}
