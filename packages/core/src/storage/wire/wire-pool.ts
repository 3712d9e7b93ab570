import { onAbort } from '../../runtime/on-abort.ts';
import type { ResponseHeaders } from '../header-values.ts';
import { splitUrl, type HttpPoolSettings } from '../http-pool.ts';
import { WireConnection, type WireOrigin } from './wire-connection.ts';
import { WireError } from './wire-error.ts';

export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With its query, percent-encoded; sent as it is. */
  readonly path: string;
  /** Without `host`. A request with a body must have `content-length`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** A request that has been begun. It must be closed, however it ends. */
export interface WireExchange {
  /** True once it makes no sense to send more of the body: the answer is there. */
  readonly isAnswered: boolean;
  /** Sends the next part of the body. Resolves once the bytes have been taken, and their buffer may be used again. */
  send(...pieces: readonly Uint8Array[]): Promise<void>;
  /** Ends the request. @returns the answer's head. @throws WireError, what the socket throws, the reason of the signal */
  answer(): Promise<{ readonly status: number; readonly headers: ResponseHeaders }>;
  /**
   * The next piece of the answer, good until the next one is asked for; `undefined` at its end.
   * @param want `full` waits for as much as a buffer holds, `any` only for something
   * @throws as {@link answer}
   */
  readBlock(want: 'full' | 'any'): Promise<Buffer | undefined>;
  /** Keeps the connection where the answer was read to its end, and breaks it off otherwise. Repeating it does nothing. */
  close(): void;
  /**
   * Breaks the connection off, also after {@link close}: what came on it is not the answer to this request. Whoever has it by now would
   * get another's, too.
   */
  distrust(): void;
}

/** Connections to one origin, for large bodies; as many as there are exchanges at a time. */
export class WirePool {
  readonly #origin: WireOrigin;
  readonly #hostHeader: string;
  readonly #settings: HttpPoolSettings;
  readonly #connections = new Set<WireConnection>();
  #idle: WireConnection[] = [];
  #isClosed = false;
  /** Of the latest TLS connection: the next one need not begin from nothing. */
  #session: Buffer | undefined;

  /** @param origin scheme, host and port; no path */
  constructor(origin: string, settings: HttpPoolSettings) {
    const { scheme, host } = splitUrl(origin, 'the origin');
    const { hostname, port } = new URL(origin);
    const secure = scheme === 'https';
    this.#hostHeader = host;
    this.#origin = {
      secure,
      host: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port === '' ? (secure ? 443 : 80) : Number(port),
    };
    this.#settings = settings;
  }

  /** Connects where no connection is free, and sends the head. @throws as {@link WireExchange.answer} */
  async begin(request: WireRequest): Promise<WireExchange> {
    const { signal } = request;
    signal.throwIfAborted();
    const head = Buffer.from(headOf(request, this.#hostHeader), 'latin1');
    if (this.#isClosed) throw poolClosed();
    const connection = this.#takeIdle() ?? (await this.#connect(signal));
    connection.begin(Number(request.headers['content-length'] ?? 0));
    const stopListening = onAbort(signal, () => connection.destroy(signal.reason));
    let isClosed = false;
    // By the time of a call that comes too late the connection may be somebody else's.
    const own = () => {
      if (isClosed) throw new TypeError('the exchange has been closed');
      return connection;
    };
    const exchange: WireExchange = {
      get isAnswered() {
        return isClosed || connection.isAnswered;
      },
      send: async (...pieces) => own().send(...pieces),
      answer: async () => {
        own().endRequest();
        return connection.readHead();
      },
      readBlock: async (want) => own().readBlock(want),
      close: () => {
        if (isClosed) return;
        isClosed = true;
        stopListening();
        if (connection.end()) this.#idle.push(connection);
        else this.#connections.delete(connection);
      },
      distrust: () => {
        exchange.close();
        connection.destroy(new WireError('WIRE_CLOSED', 'an answer on this connection belonged to another request'));
      },
    };
    try {
      await connection.sendHead(head);
      return exchange;
    } catch (error) {
      exchange.close();
      throw error;
    }
  }

  /** Breaks off what is under way. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) connection.destroy(poolClosed());
    this.#connections.clear();
    this.#idle = [];
  }

  /** The latest used first: the others get the chance to grow old. */
  #takeIdle(): WireConnection | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.isIdle) return connection;
      this.#connections.delete(connection);
    }
    return undefined;
  }

  #connect(signal: AbortSignal): Promise<WireConnection> {
    return new Promise((resolve, reject) => {
      const connection: WireConnection = new WireConnection(
        this.#origin,
        this.#settings,
        this.#session,
        (error) => {
          stopListening();
          if (error === undefined) {
            resolve(connection);
            return;
          }
          this.#connections.delete(connection);
          reject(error);
        },
        (session) => {
          this.#session = session;
        },
      );
      this.#connections.add(connection);
      const stopListening = onAbort(signal, () => connection.destroy(signal.reason));
    });
  }
}

function poolClosed(): WireError {
  return new WireError('WIRE_CLOSED', 'the pool was closed');
}

/** Letters beyond Latin-1 would lose their upper byte, and what is left of them may be a line end. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

function headOf({ method, path, headers }: WireRequest, host: string): string {
  if (!/^[!-~]+$/.test(path)) throw new TypeError('the path is not percent-encoded');
  let head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_VALUE.test(value)) throw new TypeError(`the header ${name} holds what no header can`);
    head += `${name}: ${value}\r\n`;
  }
  return `${head}\r\n`;
}
