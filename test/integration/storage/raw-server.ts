import { once } from 'node:events';
import { createServer as createPlainServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import type { SelfSignedCertificate } from '../../fixtures/self-signed-certificate.ts';

/** One connection at a server that knows bytes only. */
export interface RawPeer {
  readonly socket: Socket;
  /** From 0, in the order in which they came. */
  readonly index: number;
  /** All that has come and has not been taken by {@link request} or {@link bytes}. */
  received: Buffer;
  /** The next request's head, without the empty line. */
  request(): Promise<string>;
  /** So many bytes of a request's body. */
  bytes(count: number): Promise<Buffer>;
  /** Writes, and waits until the kernel has taken it. */
  write(data: string | Uint8Array): Promise<void>;
  readonly closed: Promise<void>;
}

export interface RawServer {
  readonly port: number;
  readonly url: string;
  readonly connections: number;
  /** Connections that are open now. */
  readonly open: number;
  /** What the serving of any connection has thrown. */
  readonly errors: readonly unknown[];
  /** Sockets that were paused notice that they are closed. */
  readOn(): void;
  close(): Promise<void>;
}

/** Starts a server that leaves HTTP to `serve`; with a certificate, over TLS. */
export async function startRawServer(
  serve: (peer: RawPeer) => Promise<void>,
  certificate?: SelfSignedCertificate,
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const errors: unknown[] = [];
  let connections = 0;
  const accept = (socket: Socket) => {
    sockets.add(socket);
    // That the client breaks off is what many a test is about.
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    serve(createPeer(socket, connections++)).catch((error: unknown) => {
      if (!socket.destroyed) errors.push(error);
      socket.destroy();
    });
  };
  const server: Server =
    certificate === undefined ? createPlainServer(accept) : createSecureServer({ ...certificate }, accept);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    errors,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    readOn() {
      for (const socket of sockets) socket.resume();
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

function createPeer(socket: Socket, index: number): RawPeer {
  const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>();
  let wake: (() => void) | undefined;
  const peer: RawPeer = {
    socket,
    index,
    received: Buffer.alloc(0),
    closed,
    async request() {
      const end = await until(() => peer.received.indexOf('\r\n\r\n'));
      const text = peer.received.toString('latin1', 0, end);
      peer.received = peer.received.subarray(end + 4);
      return text;
    },
    async bytes(count) {
      await until(() => (peer.received.length >= count ? 0 : -1));
      const bytes = peer.received.subarray(0, count);
      peer.received = peer.received.subarray(count);
      return bytes;
    },
    write: (data) =>
      new Promise((resolve, reject) => {
        socket.write(data, (error) => (error === undefined || error === null ? resolve() : reject(error)));
      }),
  };
  socket.on('data', (data: Buffer) => {
    peer.received = Buffer.concat([peer.received, data]);
    wake?.();
  });
  socket.on('close', () => {
    onClosed();
    wake?.();
  });
  const until = async (find: () => number): Promise<number> => {
    for (let found = find(); ; found = find()) {
      if (found !== -1) return found;
      if (socket.destroyed || socket.readableEnded) throw new Error('the client has closed the connection');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  socket.on('end', () => wake?.());
  return peer;
}

/** A head with these lines. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

/** Bytes that look like no other place of themselves, the same in every run. */
export function pseudoRandomBytes(count: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(count / 4));
  let state = seed | 1;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer, 0, count);
}
