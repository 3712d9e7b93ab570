import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * A Node whose files cannot grow beyond a size: what writes beyond it is told so (`EFBIG`), as by a quota. Nobody needs to be root for it.
 * @param file where the program is to be put
 * @returns for the option `node` of a command
 */
export async function nodeWithFileLimit(file: string, maxKib: number): Promise<string> {
  // Where the signal is ignored, as it is by whoever inherits that, the write fails instead.
  await writeFile(file, `#!/bin/bash\ntrap '' XFSZ\nulimit -f ${maxKib}\nexec ${process.execPath} "$@"\n`);
  await chmod(file, 0o755);
  return file;
}

/** From now on nothing that a process writes to a file arrives there, whenever it has opened it: each write fails (`EFBIG`). */
export function refuseWrites({ pid }: { readonly pid: number }): void {
  // The soft limit; Node ignores the signal that would come with it.
  run('prlimit', '--pid', `${pid}`, '--fsize=0:');
}

/** A disk of its own, under an empty directory. Disposing of it takes it away. */
export class SmallDisk implements Disposable {
  readonly #directory: string;

  /** @throws Error where it cannot be mounted */
  constructor(directory: string, size: string) {
    this.#directory = directory;
    run('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory);
  }

  [Symbol.dispose](): void {
    spawnSync('umount', [this.#directory]);
  }
}

/** Whether this process may mount file systems: in many a container root may not. */
export const canMount = process.getuid?.() === 0 && mountsSomething();

function mountsSomething(): boolean {
  const directory = mkdtempSync(join(tmpdir(), 'mount-'));
  try {
    using _ = new SmallDisk(directory, '64k');
    return true;
  } catch {
    return false;
  } finally {
    rmdirSync(directory);
  }
}

/** Makes a directory read-only, for root, too. @returns what makes it writable again */
export async function makeReadOnly(directory: string): Promise<Disposable> {
  if (process.getuid?.() !== 0) {
    await chmod(directory, 0o555);
    return { [Symbol.dispose]: () => void spawnSync('chmod', ['755', directory]) };
  }
  run('mount', '--bind', directory, directory);
  run('mount', '-o', 'remount,bind,ro', directory);
  return { [Symbol.dispose]: () => void spawnSync('umount', [directory]) };
}

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args);
  if (status !== 0) throw new Error(`${program}: ${stderr.toString()}`);
}

/** What SQLite finds wrong with a file that nobody has open; `ok` where nothing is. */
export function integrityOf(file: string): unknown {
  using state = new DatabaseSync(file);
  return state.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
}
