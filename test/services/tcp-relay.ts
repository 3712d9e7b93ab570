import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What a program has opened to a relay, and what the relay has opened to the server for it. */
export interface RelayedConnection {
  readonly client: Socket;
  readonly server: Socket;
  /** Breaks both off. */
  readonly end: () => void;
}

/** Stands between programs and their server on loopback. Where one side of a connection ends, the other does. */
export class TcpRelay {
  readonly port: number;
  /** Set by whoever has started it, before anybody knows of it: passes on what comes, or does not. */
  forward: (connection: RelayedConnection) => void = () => undefined;
  readonly #listener: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(listener: Server) {
    this.#listener = listener;
    this.port = (listener.address() as AddressInfo).port;
  }

  static async start(serverPort: number): Promise<TcpRelay> {
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const relay = new TcpRelay(listener);
    listener.on('connection', (client) => relay.#open(client, connect(serverPort, '127.0.0.1')));
    return relay;
  }

  /** Breaks every connection that is open now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    if (!this.#listener.listening) return;
    this.#listener.close();
    this.cut();
    await once(this.#listener, 'close');
  }

  #open(client: Socket, server: Socket): void {
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    this.forward({ client, server, end });
  }
}
