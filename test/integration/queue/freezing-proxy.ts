import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and its server, and can let connections die without a word, as a network does. */
export class FreezingProxy implements AsyncDisposable {
  readonly host: string;
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(port: number): Promise<FreezingProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new FreezingProxy(server);
    server.on('connection', (client) => proxy.#forward(client, connect(port, '127.0.0.1')));
    return proxy;
  }

  /** Nothing is forwarded any more on the connections that there are, and nothing is closed; new ones are fine. */
  freeze(): void {
    for (const socket of this.#open) socket.removeAllListeners('data').pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    await once(this.#server, 'close');
  }

  #forward(client: Socket, server: Socket): void {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#open.add(from);
      from.on('data', (data) => to.write(data));
      from.on('error', () => from.destroy());
      from.on('close', () => {
        this.#open.delete(from);
        to.destroy();
      });
    }
  }
}
