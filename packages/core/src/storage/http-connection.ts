import type { Socket } from 'node:net';
import { Client, type buildConnector, type Dispatcher } from 'undici';

/** A handler that is told on which connection its request goes. */
export interface ConnectionUser extends Dispatcher.DispatchHandler {
  onConnection(connection: HttpConnection): void;
}

/**
 * One connection of a pool, made anew as often as it is closed. undici keeps what has brought a whole answer; whoever has read the answer
 * may know better.
 */
export class HttpConnection extends Client {
  #socket: Socket | undefined;

  /** @param options as a pool gives them: `connect` is a function */
  constructor(origin: URL, options: Client.Options) {
    const connect = options.connect as buildConnector.connector;
    super(origin, {
      ...options,
      connect: (target, callback) => {
        connect(target, (...result) => {
          this.#socket = result[1] ?? undefined;
          callback(...result);
        });
      },
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if ('onConnection' in handler) (handler as ConnectionUser).onConnection(this);
    return super.dispatch(options, handler);
  }

  /** Closes it. A request that has been sent on it already fails as where the other side does so. */
  giveUp(): void {
    this.#socket?.destroy();
  }
}
