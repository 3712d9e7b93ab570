import { TcpRelay, type RelayedConnection } from '../services/tcp-relay.ts';
import type { Verdict } from './fleet-moments.ts';

/** Commands that carry a statement. @see https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_command_phase.html */
const COM_QUERY = 0x03;
const COM_STMT_EXECUTE = 0x17;
const HEADER_BYTES = 4;

/** Stands between programs and their MySQL server, and asks about each statement before it goes on. */
export class StatementProxy implements AsyncDisposable {
  readonly #relay: TcpRelay;
  readonly #see: (what: string) => Promise<Verdict>;

  private constructor(relay: TcpRelay, see: (what: string) => Promise<Verdict>) {
    this.#relay = relay;
    this.#see = see;
    relay.forward = (connection) => this.#forward(connection);
  }

  /** @param see told `SQL ` and the statement, or its number where it was prepared before */
  static async start(serverPort: number, see: (what: string) => Promise<Verdict>): Promise<StatementProxy> {
    return new StatementProxy(await TcpRelay.start(serverPort), see);
  }

  get port(): number {
    return this.#relay.port;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#relay.close();
  }

  #forward({ client, server, end }: RelayedConnection): void {
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
