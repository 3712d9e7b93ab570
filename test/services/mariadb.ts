import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createConnection } from 'mysql2/promise';
import type { MysqlConnection } from '@object-transfer/core/state/open-mysql-state';
import { installMariadb, runToEnd } from './mariadb-install.ts';

export interface MariadbOptions {
  /** Keep what was committed when the server is killed; default false, which is quicker. */
  readonly isDurable?: boolean;
  /** More of `mariadbd`'s options. */
  readonly options?: readonly string[];
}

/**
 * A private MariaDB on loopback, in a directory of its own.
 *
 * It runs under a shell that reads from a pipe and kills it when that ends: however this process ends, the server ends
 * with it, and its directory goes.
 */
export class Mariadb {
  readonly port: number;
  readonly #directory: string;
  readonly #options: readonly string[];
  #shell: ChildProcess | undefined;

  private constructor(directory: string, port: number, options: readonly string[]) {
    this.#directory = directory;
    this.port = port;
    this.#options = options;
  }

  /** Installs MariaDB where it is missing and that can be done. */
  static async start(options: MariadbOptions = {}): Promise<Mariadb> {
    await installMariadb();
    const directory = await mkdtemp(join(tmpdir(), 'mariadb-'));
    // Servers that share a directory for temporary tables delete each other's.
    const tmpdirOption = `--tmpdir=${directory}`;
    const user = process.getuid?.() === 0 ? ['--user=root'] : [];
    await createDataDirectory(directory, [tmpdirOption, ...user]);
    const flush = options.isDurable === true ? 1 : 0;
    const server = new Mariadb(directory, await freePort(), [
      ...user,
      tmpdirOption,
      `--innodb-flush-log-at-trx-commit=${flush}`,
      ...(options.options ?? []),
    ]);
    await server.restart();
    return server;
  }

  /** As the administrator, to one of the server's databases. */
  connection(database: string): MysqlConnection {
    return { host: '127.0.0.1', port: this.port, user: 'root', password: '', database, sslDisabled: true };
  }

  /** Starts it again after {@link kill}. */
  async restart(): Promise<void> {
    const args = [
      '--no-defaults',
      `--datadir=${join(this.#directory, 'data')}`,
      `--socket=${join(this.#directory, 'socket')}`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      '--skip-log-bin',
      '--skip-name-resolve',
      '--innodb-buffer-pool-size=128M',
      '--innodb-log-file-size=64M',
      '--max-connections=500',
      '--performance-schema=off',
      ...this.#options,
    ];
    // The end of its input without a word means that this process was killed. What it says then has no reader.
    const script =
      '"$@" & server=$!; exec 2>/dev/null; word=$(cat); kill -9 $server; wait $server; [ "$word" ] || rm -rf "$0"';
    const shell = spawn('sh', ['-c', script, this.#directory, 'mariadbd', ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
      // Signals to this process and all that it started would end the shell before it can end the server.
      detached: true,
    });
    this.#shell = shell;
    let log = '';
    shell.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)));
    for (let attempt = 0; !(await this.#answers()); attempt++) {
      if (attempt > 600 || /\[ERROR\] Aborting/.test(log)) {
        await this.kill();
        throw new Error(`MariaDB does not start:\n${log}`);
      }
      await delay(50);
    }
  }

  /** Ends it as a loss of power would. */
  async kill(): Promise<void> {
    const shell = this.#shell;
    this.#shell = undefined;
    if (shell === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
    const exited = once(shell, 'exit');
    shell.stdin?.end('keep');
    await exited;
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    try {
      const connection = await createConnection({ host: '127.0.0.1', port: this.port, user: 'root' });
      await connection.end();
      return true;
    } catch {
      return false;
    }
  }
}

async function createDataDirectory(directory: string, options: readonly string[]): Promise<void> {
  try {
    await runToEnd('mariadb-install-db', [
      '--no-defaults',
      `--datadir=${join(directory, 'data')}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      ...options,
    ]);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  server.close();
  await once(server, 'close');
  return address.port;
}
