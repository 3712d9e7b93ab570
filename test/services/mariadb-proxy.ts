import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a program and its server, and can lose what the server answers, as a network does. */
export class MariadbProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #losing: RegExp | undefined;
  #stalls = false;
  readonly #withheld = Promise.withResolvers<void>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  static async start(serverPort: number): Promise<MariadbProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const proxy = new MariadbProxy(server, address.port);
    server.on('connection', (client) => proxy.#forward(client, connect(serverPort, '127.0.0.1')));
    return proxy;
  }

  /** The next statement that matches reaches the server, is answered, and its connection ends before the answer arrives. */
  loseAnswerTo(statement: RegExp): void {
    this.#losing = statement;
  }

  /** Does not lose what {@link loseAnswerTo} asked for, unless that has happened. */
  keepAnswers(): void {
    this.#losing = undefined;
  }

  /** True where that has happened. */
  get hasLost(): boolean {
    return this.#losing === undefined;
  }

  /** Breaks every connection that is open now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** From now on nothing is forwarded, and nothing is closed. */
  stall(): void {
    this.#stalls = true;
  }

  /** Resolves when a program has sent something since {@link stall}. */
  get withheld(): Promise<void> {
    return this.#withheld.promise;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #forward(client: Socket, server: Socket): void {
    let isLosing = false;
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
    client.on('data', (data: Buffer) => {
      if (this.#stalls) {
        this.#withheld.resolve();
        return;
      }
      if (this.#losing?.test(data.toString('latin1')) === true) {
        isLosing = true;
        this.#losing = undefined;
      }
      server.write(data);
    });
    server.on('data', (data: Buffer) => {
      if (this.#stalls) return;
      if (isLosing) end();
      else client.write(data);
    });
  }
}
