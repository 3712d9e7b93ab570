import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PACKAGES = ['mariadb-server-core', 'mariadb-client-core'];

/**
 * Installs MariaDB's programs where they are missing, this is root, and the system has apt. They start no service. Several
 * processes may ask at once: `flock` lets one do it.
 * @throws Error that says how to install them
 */
export async function installMariadb(): Promise<void> {
  if (await isInstalled()) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(
      `MariaDB is missing: install it (Debian: apt-get install --no-install-recommends ${PACKAGES.join(' ')}), or give a server by MYSQL_URL=mysql://user:password@host:port/database`,
    );
  }
  const install = `command -v mariadbd || { apt-get update && apt-get install -y --no-install-recommends ${PACKAGES.join(' ')}; }`;
  await runToEnd('flock', [join(tmpdir(), 'install-mariadb.lock'), 'sh', '-c', install]);
}

async function isInstalled(): Promise<boolean> {
  try {
    await runToEnd('sh', ['-c', 'command -v mariadbd && command -v mariadb-install-db']);
    return true;
  } catch {
    return false;
  }
}

/** @throws Error with the end of what the program wrote, where it failed */
async function runToEnd(program: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(program, [...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 64 * 1024 * 1024,
  });
}
