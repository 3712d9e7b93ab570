import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './free-port.ts';

export interface MariadbOptions {
  /** A database to make. */
  readonly database?: string | undefined;
  /** Keep what was committed when the server is killed; default false, which is quicker. */
  readonly isDurable?: boolean | undefined;
  /** More of `mariadbd`'s options. */
  readonly options?: readonly string[] | undefined;
}

/** Where a private server is; its administrator has no password, and it listens on loopback alone. */
export interface MariadbAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** 30 s on a machine that is busy with other things. */
const START_ATTEMPTS = 600;
const ATTEMPT_MS = 50;

/**
 * A private MariaDB on loopback, in a directory of its own, from the programs that are installed.
 *
 * It runs under a shell that reads from a pipe and kills it when that ends: however this process ends, the server ends
 * with it, and its directory goes.
 */
export class Mariadb {
  readonly address: MariadbAddress;
  readonly #directory: string;
  readonly #options: readonly string[];
  #shell: ChildProcess | undefined;

  private constructor(directory: string, port: number, options: readonly string[]) {
    this.address = { host: '127.0.0.1', port, user: 'root', password: '' };
    this.#directory = directory;
    this.#options = options;
  }

  /** @throws Error that says how to install MariaDB where it is missing, or why it does not start */
  static async start(options: MariadbOptions = {}): Promise<Mariadb> {
    const directory = await mkdtemp(join(tmpdir(), 'mariadb-'));
    try {
      const user = process.getuid?.() === 0 ? ['--user=root'] : [];
      // Servers that share a directory for temporary tables delete each other's.
      const common = [...user, `--tmpdir=${directory}`];
      await installDatabase(join(directory, 'data'), common);
      const initFile = join(directory, 'init.sql');
      await writeFile(
        initFile,
        options.database === undefined ? '' : `CREATE DATABASE IF NOT EXISTS ${options.database};`,
      );
      const server = new Mariadb(directory, await freePort(), [
        ...common,
        `--init-file=${initFile}`,
        `--innodb-flush-log-at-trx-commit=${options.isDurable === true ? 1 : 0}`,
        ...(options.options ?? []),
      ]);
      await server.restart();
      return server;
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Starts it again after {@link kill}. */
  async restart(): Promise<void> {
    const args = [
      '--no-defaults',
      `--datadir=${join(this.#directory, 'data')}`,
      `--socket=${join(this.#directory, 'socket')}`,
      `--port=${this.address.port}`,
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
    shell.stderr.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-20_000);
    });
    for (let attempt = 0; !(await greets(this.address)); attempt++) {
      if (attempt > START_ATTEMPTS || /\[ERROR\] Aborting/.test(log)) {
        await this.kill();
        throw new Error(`MariaDB does not start:\n${log}`);
      }
      await delay(ATTEMPT_MS);
    }
  }

  /** Ends it as a loss of power would. */
  kill(): Promise<void> {
    return this.#end('keep');
  }

  /** Ends it for good: nothing of it is left, also where this process ends before the server has. */
  async close(): Promise<void> {
    await this.#end('');
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** @param word for the shell */
  async #end(word: 'keep' | ''): Promise<void> {
    const shell = this.#shell;
    this.#shell = undefined;
    if (shell === undefined || shell.exitCode !== null || shell.signalCode !== null) return;
    const exited = once(shell, 'exit');
    shell.stdin?.end(word);
    await exited;
  }
}

async function installDatabase(dataDirectory: string, options: readonly string[]): Promise<void> {
  const args = ['--no-defaults', `--datadir=${dataDirectory}`, '--auth-root-authentication-method=normal'];
  try {
    await promisify(execFile)('mariadb-install-db', [...args, '--skip-test-db', ...options]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(
      'MariaDB is missing: install it (Debian: apt-get install --no-install-recommends mariadb-server-core mariadb-client-core)',
      { cause: error },
    );
  }
}

/** True once the server says hello, which it does to whoever connects. */
async function greets({ host, port }: MariadbAddress): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, 'data');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
