import { setTimeout as delay } from 'node:timers/promises';
import { ProcessWatch, type ProcessPeaks } from '../limits-process-watch.ts';
import type { CommandResult, RunningCommand } from '../../e2e/command.ts';

/** How a process of a soak is kept: one that is to run until it is told to stop, or until it has done its work. */
export type Upkeep = 'untilStopped' | 'untilDone';

/** The end of a process that no fault explains. */
export interface UnexpectedEnd {
  readonly name: string;
  readonly exitCode: number | null;
  readonly stderr: string;
}

const CONFIGURATION_ERROR = 2;
/** As a service manager waits before it starts a process again. */
const RESTART_MS = 200;
/** Words of errors that nobody has caught. */
const UNCAUGHT = /unhandled|uncaught|TypeError|ReferenceError|ERR_ASSERTION|RangeError/i;

/** A command that is started again whenever it ends before its time, as systemd or an instance group would. */
export class SoakProcess {
  readonly name: string;
  /** Resolves when it has done its work, or has been stopped; rejects where it refuses its configuration. */
  readonly done: Promise<void>;
  readonly unexpected: UnexpectedEnd[] = [];
  #running: RunningCommand;
  #watch: ProcessWatch;
  #peaks = NOTHING;
  #starts = 1;
  #isStopping = false;
  readonly #start: () => RunningCommand;
  readonly #upkeep: Upkeep;

  constructor(name: string, upkeep: Upkeep, start: () => RunningCommand) {
    this.name = name;
    this.#upkeep = upkeep;
    this.#start = start;
    this.#running = start();
    this.#watch = new ProcessWatch(this.#running.pid);
    this.done = this.#keep();
    // Whoever waits for it learns of it; until then it is no unhandled rejection.
    this.done.catch(() => undefined);
  }

  get starts(): number {
    return this.#starts;
  }

  /** Of it and what it has started, until now. */
  get peaks(): ProcessPeaks {
    return mostOf(this.#peaks, this.#watch.peaks);
  }

  signal(signal: NodeJS.Signals): void {
    this.#running.kill(signal);
  }

  /** Process ids of what runs under it now; empty where it has just ended. */
  async childPids(): Promise<readonly number[]> {
    try {
      return (await this.#running.childPids()).filter((pid) => pid > 0);
    } catch {
      // It has ended meanwhile.
      return [];
    }
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Ends it by SIGTERM. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#running.kill('SIGCONT');
    this.#running.kill('SIGTERM');
    await this.done;
  }

  async #keep(): Promise<void> {
    for (;;) {
      const result = await this.#running.ended;
      this.#watch[Symbol.dispose]();
      this.#peaks = this.peaks;
      this.#judge(result);
      if (this.#isStopping || (this.#upkeep === 'untilDone' && result.exitCode === 0)) return;
      await delay(RESTART_MS);
      if (this.#isStopping) return;
      this.#running = this.#start();
      this.#watch = new ProcessWatch(this.#running.pid);
      this.#starts++;
    }
  }

  /** 1 and 3 are what a command ends with when services fail it for too long. */
  #judge({ exitCode, stderr }: CommandResult): void {
    if (exitCode === CONFIGURATION_ERROR || UNCAUGHT.test(stderr)) {
      this.unexpected.push({ name: this.name, exitCode, stderr: stderr.slice(-4000) });
    }
    if (exitCode === CONFIGURATION_ERROR) throw new Error(`${this.name} refused its configuration:\n${stderr}`);
  }
}

export const NOTHING: ProcessPeaks = { fds: 0, sockets: 0, rssBytes: 0, treeRssBytes: 0, processes: 0 };

export function mostOf(one: ProcessPeaks, other: ProcessPeaks): ProcessPeaks {
  return {
    fds: Math.max(one.fds, other.fds),
    sockets: Math.max(one.sockets, other.sockets),
    rssBytes: Math.max(one.rssBytes, other.rssBytes),
    treeRssBytes: Math.max(one.treeRssBytes, other.treeRssBytes),
    processes: Math.max(one.processes, other.processes),
  };
}
