import { TcpRelay, type RelayedConnection } from './tcp-relay.ts';

/** Stands between a program and its server, and can lose what the server answers, as a network does. */
export class MariadbProxy {
  readonly #relay: TcpRelay;
  #losing: RegExp | undefined;
  #stalls = false;
  readonly #withheld = Promise.withResolvers<void>();

  private constructor(relay: TcpRelay) {
    this.#relay = relay;
    relay.forward = (connection) => this.#forward(connection);
  }

  static async start(serverPort: number): Promise<MariadbProxy> {
    return new MariadbProxy(await TcpRelay.start(serverPort));
  }

  get port(): number {
    return this.#relay.port;
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
    this.#relay.cut();
  }

  /** From now on nothing is forwarded, and nothing is closed. */
  stall(): void {
    this.#stalls = true;
  }

  /** Resolves when a program has sent something since {@link stall}. */
  get withheld(): Promise<void> {
    return this.#withheld.promise;
  }

  close(): Promise<void> {
    return this.#relay.close();
  }

  #forward({ client, server, end }: RelayedConnection): void {
    let isLosing = false;
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
