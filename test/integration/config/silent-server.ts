import { createServer, type AddressInfo, type Socket } from 'node:net';

export interface SilentServer {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Connections so far. */
  readonly connections: number;
  close(): Promise<void>;
}

/** Accepts connections and never says a word: what a service behind a broken network looks like. */
export async function startSilentServer(): Promise<SilentServer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    // The client breaks the connection off when it has waited long enough.
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return sockets.length;
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
