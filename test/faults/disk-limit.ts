import { spawnSync } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
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

/** Whether this process may mount file systems. */
export const canMount = process.getuid?.() === 0 && spawnSync('mount', ['--version']).status === 0;

/** A disk of its own, under an empty directory. Disposing of it takes it away. */
export class SmallDisk implements Disposable {
  readonly #directory: string;

  /** @throws Error where it cannot be mounted */
  constructor(directory: string, size: string) {
    this.#directory = directory;
    mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory);
  }

  [Symbol.dispose](): void {
    spawnSync('umount', [this.#directory]);
  }
}

/** Makes a directory read-only, for root, too. @returns what makes it writable again */
export async function makeReadOnly(directory: string): Promise<Disposable> {
  if (process.getuid?.() !== 0) {
    await chmod(directory, 0o555);
    return { [Symbol.dispose]: () => void spawnSync('chmod', ['755', directory]) };
  }
  mount('--bind', directory, directory);
  mount('-o', 'remount,bind,ro', directory);
  return { [Symbol.dispose]: () => void spawnSync('umount', [directory]) };
}

function mount(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args);
  if (status !== 0) throw new Error(`mount: ${stderr.toString()}`);
}

/** What SQLite finds wrong with a file that nobody has open; `ok` where nothing is. */
export function integrityOf(file: string): unknown {
  using state = new DatabaseSync(file);
  return state.prepare('PRAGMA integrity_check').get()?.['integrity_check'];
}
