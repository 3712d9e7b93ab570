import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const PROGRAM = fileURLToPath(new URL('../../packages/cli/bin/object-transfer.js', import.meta.url));

export interface CommandResult {
  /** `null` where a signal ended the process. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd: string;
  /** The whole environment: nothing of the tests' own gets through. */
  readonly environment: Readonly<Record<string, string>>;
  /** Default: the Node that runs the tests. */
  readonly node?: string | undefined;
  /** Makes the process the first of a process group, as a shell does: see {@link RunningCommand.killGroup}. */
  readonly ownGroup?: boolean | undefined;
}

/** `object-transfer` as a process of its own. Disposing of it ends it. */
export class RunningCommand {
  /**
   * Resolves when the process and all that it started have ended: its children have the same stdout and stderr, which
   * stay open as long as one of them lives.
   */
  readonly ended: Promise<CommandResult>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  #onOutput = () => {};

  constructor(args: readonly string[], options: CommandOptions) {
    const { cwd, environment, node = process.execPath, ownGroup = false } = options;
    this.#child = spawn(node, [PROGRAM, ...args], {
      cwd,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: ownGroup,
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      this.#onOutput();
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#onOutput();
    });
    this.ended = once(this.#child, 'close').then(([exitCode, signal]) => ({
      exitCode: exitCode as number | null,
      signal: signal as NodeJS.Signals | null,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the process could not be started');
    return this.#child.pid;
  }

  /** SIGSTOP. Resolves when the process stands still: it runs nothing any more until SIGCONT. */
  async suspend(): Promise<void> {
    this.#child.kill('SIGSTOP');
    while (!/^State:\s+T/m.test(await readFile(`/proc/${this.pid}/status`, 'utf8'))) await delay(5);
  }

  /** Ids of the processes that it has started and that run now. */
  async childPids(): Promise<readonly number[]> {
    const children = await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8');
    return children.trim().split(' ').map(Number);
  }

  /** Signals the process and all that it started, as Ctrl-C in a shell does. */
  killGroup(signal: NodeJS.Signals): void {
    process.kill(-this.pid, signal);
  }

  /**
   * Waits for something that is to happen while the process runs.
   * @throws Error with all that it wrote where the process ends before
   */
  async whileRunning(event: Promise<void>): Promise<void> {
    const ended = this.ended.then((result) => {
      throw new Error(`ended too soon with ${describeEnd(result)}`);
    });
    await Promise.race([event, ended]);
  }

  /**
   * Waits until a text is on stdout or stderr.
   * @returns all that is on stdout by then
   * @throws Error where the process ends before
   */
  async waitForOutput(text: string): Promise<string> {
    const written = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (this.#stdout.includes(text) || this.#stderr.includes(text)) resolve();
      };
      this.#onOutput();
    });
    await this.whileRunning(written);
    return this.#stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

/** @throws Error with all that the command wrote where it ended otherwise */
export function expectExitCode(result: CommandResult, exitCode: number): void {
  if (result.exitCode !== exitCode) throw new Error(`expected exit code ${exitCode}, got ${describeEnd(result)}`);
}

function describeEnd({ exitCode, signal, stdout, stderr }: CommandResult): string {
  return `${signal ?? `exit code ${exitCode}`}\n${stdout}${stderr}`;
}
