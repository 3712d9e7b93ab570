import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A process of the bench, which tells what it has to tell over the channel to its parent. */
export class BenchProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  /** @param cpus the processors that it may use, as `taskset` takes them */
  constructor(file: string, args: readonly string[], cpus: string | undefined) {
    const path = join(import.meta.dirname, file);
    // As the command starts itself.
    const execArgv = ['--max-semi-space-size=8', '--heap-growing-percent=150'];
    this.#child =
      cpus === undefined
        ? fork(path, args, { execArgv })
        : fork(path, args, { execPath: 'taskset', execArgv: ['--cpu-list', cpus, process.execPath, ...execArgv] });
    this.#ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`${file} ended with ${String(code)}`);
    });
    this.#ended.catch(() => undefined);
  }

  /** @throws Error where the process ends without a word */
  async told<T>(): Promise<T> {
    const [message] = (await Promise.race([once(this.#child, 'message'), this.#ended])) as [T];
    return message;
  }

  async ask<T>(question: object): Promise<T> {
    this.#child.send(question);
    return this.told<T>();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#ended.catch(() => undefined);
    this.#child.kill('SIGKILL');
    await ended;
  }
}
