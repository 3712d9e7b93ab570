import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Verdict } from './fleet-moments.ts';

/** Commands that carry a statement. @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html */
const COM_QUERY = 0x03;
const COM_STMT_EXECUTE = 0x17;
const HEADER_BYTES = 4;

/** Stands between programs and their MySQL server, and asks about each statement before it goes on. */
export class StatementProxy implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #see: (what: string) => Promise<Verdict>;

  private constructor(server: Server, see: (what: string) => Promise<Verdict>) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.#see = see;
  }

  /** @param see told `SQL ` and the statement, or its number where it was prepared before */
  static async start(serverPort: number, see: (what: string) => Promise<Verdict>): Promise<StatementProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new StatementProxy(server, see);
    server.on('connection', (client) => proxy.#forward(client, connect(serverPort, '127.0.0.1')));
    return proxy;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #forward(client: Socket, server: Socket): void {
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
    server.on('data', (data) => client.write(data));
    const forward = async (packet: Buffer, before: Promise<void>): Promise<void> => {
      await before;
      if ((await this.#verdictOf(packet)) === 'drop') end();
      else server.write(packet);
    };
    let rest: Buffer = Buffer.alloc(0);
    let forwarded: Promise<void> = Promise.resolve();
    client.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      for (;;) {
        const bytes = rest.length < HEADER_BYTES ? Number.POSITIVE_INFINITY : HEADER_BYTES + rest.readUIntLE(0, 3);
        if (rest.length < bytes) return;
        const packet = rest.subarray(0, bytes);
        rest = rest.subarray(bytes);
        forwarded = forward(packet, forwarded);
      }
    });
  }

  #verdictOf(packet: Buffer): Promise<Verdict> {
    const [sequence, command] = packet.subarray(HEADER_BYTES - 1);
    // Packets of a login are numbered on; a command begins anew.
    if (sequence !== 0) return Promise.resolve('pass');
    if (command === COM_QUERY) return this.#see(`SQL ${packet.toString('utf8', HEADER_BYTES + 1)}`);
    if (command === COM_STMT_EXECUTE) return this.#see(`SQL #${packet.readUInt32LE(HEADER_BYTES + 1)}`);
    return Promise.resolve('pass');
  }
}
