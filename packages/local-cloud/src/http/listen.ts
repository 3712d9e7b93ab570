import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers one request; a rejected promise becomes a 500 whose body names the error. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/**
 * Looks at a request before the server does. Returning `true` means that the request was answered (or its socket
 * destroyed) here; tests use it to script misbehaviour, the rehearsal to count requests.
 */
export type RequestInterceptor = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;

export interface ListenOptions {
  /** Default `127.0.0.1`: a rehearsal is nobody else's business. */
  readonly host?: string;
  /** Default 0, a free port. */
  readonly port?: number;
  readonly intercept?: RequestInterceptor | undefined;
}

export interface RunningServer {
  /** `http://127.0.0.1:PORT`, without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Ends open connections too. Resolves when the port is free again. */
  close(): Promise<void>;
}

/**
 * Starts an HTTP server on loopback.
 * @throws the listen error (`EADDRINUSE`, `EACCES`) as Node reports it
 */
export async function listen(handler: RequestHandler, options: ListenOptions = {}): Promise<RunningServer> {
  // Uploads under a bandwidth cap may take hours: no time limit for a request.
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
    void answer(handler, options.intercept, request, response);
  });
  const host = options.host ?? '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error ? reject(error) : resolve()));
        server.closeAllConnections();
      }),
  };
}

async function answer(
  handler: RequestHandler,
  intercept: RequestInterceptor | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (intercept !== undefined && (await intercept(request, response))) return;
    await handler(request, response);
  } catch (error) {
    if (response.headersSent) {
      // The status line is out: only a broken connection still tells the client that the body is not whole.
      response.destroy();
      return;
    }
    response.writeHead(500, { 'content-type': 'text/plain' });
    response.end(error instanceof Error ? `${error.name}: ${error.message}\n` : 'unknown error\n');
  }
}
