import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as sendUpstream,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline, type Readable } from 'node:stream';
import { corruptOneByte, firstHalf } from './http-fault-bodies.ts';
import { bufferAnswer, spoilAnswer, streamAnswer, type HttpAnswer } from './http-fault-answer.ts';
import { refusalOf, type HttpFault, type HttpFaultKind } from './http-fault.ts';

/** What a fault is chosen by. */
export interface ProxiedRequest {
  /** From 0, in the order in which the heads came. */
  readonly index: number;
  readonly method: string;
  /** Path and query, raw. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

export interface HttpFaultProxyOptions {
  /** Scheme, host and port of the server behind; plain HTTP. */
  readonly targetUrl: string;
  /** `undefined` lets the exchange pass as it is. */
  readonly choose: (request: ProxiedRequest) => HttpFault | undefined;
}

/** What a server says that speaks something else. */
const GARBAGE = '\x16\x03\x01\x02\x00SSH-2.0-somebody-else\r\n\r\n';

/**
 * Stands between a client and its server, ends HTTP/1.1 on both sides, and breaks the exchanges that it is told to. Paths are
 * passed on as they came, and so is the Host header: signatures are for it, and the addresses that GCS hands out are made of it.
 */
export class HttpFaultProxy implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;
  readonly #options: HttpFaultProxyOptions;
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 256 });
  readonly #sockets = new Set<Socket>();
  readonly #injected = new Map<HttpFaultKind, number>();
  /** Answers that the next request on a connection is going to get in place of its own. */
  readonly #late = new WeakMap<Socket, HttpAnswer>();
  #requests = 0;
  #peakConnections = 0;
  #toRefuse = 0;

  private constructor(server: Server, options: HttpFaultProxyOptions) {
    this.#server = server;
    this.#options = options;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket) => this.#accept(socket));
    server.on('request', (request, response) => void this.#answer(request, response));
  }

  static async start(options: HttpFaultProxyOptions): Promise<HttpFaultProxy> {
    const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HttpFaultProxy(server, options);
  }

  /** Requests so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Faults so far, by kind. */
  get injected(): ReadonlyMap<HttpFaultKind, number> {
    return this.#injected;
  }

  /** Of clients. */
  get openConnections(): { readonly current: number; readonly peak: number } {
    return { current: this.#sockets.size, peak: this.#peakConnections };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#agent.destroy();
    await once(this.#server, 'close');
  }

  #accept(socket: Socket): void {
    if (this.#toRefuse > 0) {
      this.#toRefuse--;
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    this.#peakConnections = Math.max(this.#peakConnections, this.#sockets.size);
    // That a client breaks off is its right.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url: target = '/', headers, socket } = request;
    const index = this.#requests++;
    try {
      const late = this.#late.get(socket);
      if (late !== undefined) {
        await this.#answerLate(late, request, response);
        return;
      }
      const fault = this.#options.choose({ index, method, target, headers });
      if (fault === undefined) {
        await streamAnswer(await this.#forward(request, response), response);
        return;
      }
      this.#injected.set(fault.kind, (this.#injected.get(fault.kind) ?? 0) + 1);
      await this.#inject(fault, request, response);
    } catch {
      // One of the two sides has gone: the other one is to see it.
      socket.destroy();
    }
  }

  async #inject(fault: HttpFault, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    switch (fault.kind) {
      case 'refuse':
        this.#toRefuse++;
        socket.resetAndDestroy();
        return;
      case 'resetBeforeHead':
        await drain(request);
        socket.resetAndDestroy();
        return;
      case 'garbage':
        await drain(request);
        socket.end(GARBAGE, 'latin1');
        return;
      case 'stall':
        if (fault.releaseMs !== undefined) resetAfter(socket, fault.releaseMs);
        if (fault.at === 'head') await drain(request);
        else await spoilAnswer(fault, request, response, await this.#forward(request, response));
        return;
      case 'status': {
        await drain(request);
        const { headers, body } = refusalOf(fault);
        const length = String(Buffer.byteLength(body));
        response.writeHead(fault.status, { ...headers, 'content-length': length }).end(body);
        return;
      }
      case 'loseRequest':
        await this.#loseRequest(request);
        return;
      case 'loseAnswer':
        await bufferAnswer(await this.#forward(request, response));
        socket.resetAndDestroy();
        return;
      case 'corruptRequest':
        await streamAnswer(await this.#forward(request, response, corruptOneByte(request)), response);
        return;
      case 'wholeForRange':
        await streamAnswer(await this.#forward(request, response, request, ['range', 'if-range']), response);
        return;
      case 'answerTwice': {
        const answer = await bufferAnswer(await this.#forward(request, response));
        this.#late.set(socket, answer);
        response.writeHead(answer.status, answer.headers.flat()).end(answer.body);
        return;
      }
      default:
        await spoilAnswer(fault, request, response, await this.#forward(request, response));
    }
  }

  async #answerLate(late: HttpAnswer, request: IncomingMessage, response: ServerResponse): Promise<void> {
    await bufferAnswer(await this.#forward(request, response));
    response.shouldKeepAlive = false;
    response.writeHead(late.status, late.headers.flat()).end(request.method === 'HEAD' ? undefined : late.body);
  }

  /** @returns the server's answer, its body unread. @throws what broke the connection to the server */
  async #forward(
    request: IncomingMessage,
    response: ServerResponse,
    body: Readable = request,
    without: readonly string[] = [],
  ): Promise<IncomingMessage> {
    const upstream = this.#open(request, without);
    response.on('close', () => {
      if (!response.writableFinished) upstream.destroy();
    });
    // An early answer ends the sending, and that is no failure.
    pipeline(body, upstream, () => undefined);
    const [answer] = (await once(upstream, 'response')) as [IncomingMessage];
    return answer;
  }

  async #loseRequest(request: IncomingMessage): Promise<void> {
    const { socket } = request;
    const upstream = this.#open(request, []);
    for await (const piece of firstHalf(request)) {
      // Resolves when the kernel has it.
      await new Promise((resolve) => void upstream.write(piece, resolve));
    }
    // Its bytes are at the server, the request is not complete: what it does with them is its affair.
    upstream.destroy();
    socket.resetAndDestroy();
  }

  #open({ method, url, rawHeaders }: IncomingMessage, without: readonly string[]): ClientRequest {
    const headers: string[] = [];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
      if (!HOP_BY_HOP.has(name.toLowerCase()) && !without.includes(name.toLowerCase())) headers.push(name, value);
    }
    const { hostname: host, port } = new URL(this.#options.targetUrl);
    const upstream = sendUpstream({ agent: this.#agent, host, port, method, path: url, headers });
    // Who waits for the answer gets it, too; nobody else needs it.
    upstream.on('error', () => undefined);
    return upstream;
  }
}

const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'upgrade']);

async function drain(request: IncomingMessage): Promise<void> {
  if (request.complete && request.readableEnded) return;
  request.resume();
  await once(request, 'end');
}

function resetAfter(socket: Socket, releaseMs: number): void {
  const timer = setTimeout(() => socket.resetAndDestroy(), releaseMs);
  socket.on('close', () => clearTimeout(timer));
}
