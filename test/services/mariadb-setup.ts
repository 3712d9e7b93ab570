import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import type { Mariadb } from '@object-transfer/local-cloud/mariadb/mariadb';
import { startMariadb } from './mariadb.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A socket that answers with the port of the run's MariaDB, which the first to ask starts. */
    mariadbSocket: string;
  }
}

let server: Server | undefined;
let directory: string | undefined;
let starting: Promise<Mariadb> | undefined;

/** One MariaDB for a whole run of tests, started when the first test asks for it: a run without such tests pays nothing. */
export async function setup(project: TestProject): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'mariadb-socket-'));
  const path = join(directory, 'socket');
  server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    starting ??= startMariadb();
    starting.then(
      (mariadb) => socket.end(JSON.stringify({ port: mariadb.address.port })),
      (error: unknown) => socket.end(JSON.stringify({ error: String(error) })),
    );
  }).listen(path);
  await once(server, 'listening');
  server.unref();
  project.provide('mariadbSocket', path);
}

export async function teardown(): Promise<void> {
  server?.close();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  // One that did not start has told those who asked.
  await (await starting?.catch(() => undefined))?.close();
}
