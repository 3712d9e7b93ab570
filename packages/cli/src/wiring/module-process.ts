import { fork } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { StateError } from '@object-transfer/core/domain/errors';
import { EXIT_CODES } from '../exit-codes.ts';

export interface ModuleProcessOptions {
  /** The command line of this program, without the program. */
  readonly args: readonly string[];
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** This program once more, as an operating system process of its own, as it would run on another machine. */
export class ModuleProcess {
  /** What it wrote to stdout. Rejects where it could not run; stderr is this process's. */
  readonly ended: Promise<string>;
  readonly #stop: () => void;

  constructor({ args, variables }: ModuleProcessOptions) {
    const [, program = ''] = process.argv;
    const child = fork(program, args, {
      // The channel carries nothing: that it closes tells the process that this one is gone.
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: variables,
      // Out of reach of Ctrl-C, which is for this process: it tells the others in its own time.
      detached: true,
    });
    if (child.stdout === null) throw new TypeError('a piped stdout is a stream');
    const kill = () => child.kill('SIGKILL');
    process.on('exit', kill);
    this.#stop = () => child.kill('SIGTERM');
    this.ended = Promise.all([text(child.stdout), once(child, 'exit')]).then(([stdout, exit]) => {
      process.off('exit', kill);
      const [code, signal] = exit as [number | null, NodeJS.Signals | null];
      if (code === EXIT_CODES.done || code === EXIT_CODES.failures) return stdout;
      const how = signal ?? `exit code ${code}`;
      throw new StateError('STATE_UNAVAILABLE', `${args.slice(0, 2).join(' ')} ended with ${how}`, { op: 'spawn' });
    });
  }

  /** Asks it to end, as a service manager does. */
  stop(): void {
    this.#stop();
  }
}
