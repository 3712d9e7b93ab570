import { setTimeout as delay } from 'node:timers/promises';
import type { CommandResult, RunningCommand } from '../../e2e/command.ts';
import type { HostClock } from '../clock-shift.ts';
import { ProcessWatch, type ProcessPeaks } from '../limits-process-watch.ts';
import { sendSignal } from './send-signal.ts';
import type { Flow } from './soak-queues.ts';

/** How a process of a soak is kept: one that is to run until it is told to stop, or until it has done its work. */
export type Upkeep = 'untilStopped' | 'untilDone';

/** What a process takes messages of, and by how many processes of its own. */
export interface Consumer {
  readonly flow: Flow;
  readonly processes: number;
}

export interface SoakProcessOptions {
  readonly name: string;
  readonly upkeep: Upkeep;
  readonly consumes?: Consumer | undefined;
  /** Of the host on which it runs, each time. */
  readonly clock: HostClock;
  readonly circumstances: Circumstances;
  readonly start: () => RunningCommand;
}

/** What is known of what was done to processes on purpose, and whether anything is broken at the moment. */
export interface Circumstances {
  /** Process ids that were killed. */
  readonly killed: Set<number>;
  /** Process ids that did not wait any longer for what they were closing, see `leave-in-time.ts`: what they had started ended with them. */
  readonly left: Set<number>;
  /** When processes were suspended, by their ids: time stood still for them. */
  readonly suspensions: Map<number, { readonly fromMs: number; toMs: number }[]>;
  /** Nothing is broken: nothing may end with an error. */
  isPeace: boolean;
}

const CONFIGURATION_ERROR = 2;
/** As a service manager waits before it starts a process again. */
const RESTART_MS = 200;
/** How long a start takes on a busy machine. */
const YOUNG_MS = 10_000;
const LEFT = /leaving; what is held comes back by itself/;
/** Words of errors that nobody has caught, or foreseen; the last one is the code of these. */
const UNCAUGHT = /[Uu]nhandled|[Uu]ncaught|TypeError|ReferenceError|ERR_ASSERTION|RangeError|UNEXPECTED/;

/** A command that is started again whenever it ends before its time, as systemd or an instance group would. */
export class SoakProcess {
  readonly name: string;
  readonly consumes: Consumer | undefined;
  readonly clock: HostClock;
  /** Resolves when it has done its work, or has been stopped; rejects where it refuses its configuration. */
  readonly done: Promise<void>;
  /** Ends that no fault explains, a line each. */
  readonly unexpected: string[] = [];
  #running: RunningCommand;
  #watch: ProcessWatch;
  #peaks = NOTHING;
  #starts = 1;
  #isStopping = false;
  #isRunning = true;
  /** A second SIGTERM ends a process at once, and what it has in hand with it. */
  #isTold = false;
  #startedAt = performance.now();
  readonly #start: () => RunningCommand;
  readonly #upkeep: Upkeep;
  readonly #circumstances: Circumstances;

  constructor(options: SoakProcessOptions) {
    this.name = options.name;
    this.consumes = options.consumes;
    this.clock = options.clock;
    this.#upkeep = options.upkeep;
    this.#circumstances = options.circumstances;
    this.#start = options.start;
    this.#running = options.start();
    this.#watch = new ProcessWatch(this.#running.pid);
    this.done = this.#keep();
    // Whoever waits for it learns of it; until then it is no unhandled rejection.
    this.done.catch(() => undefined);
  }

  get starts(): number {
    return this.#starts;
  }

  /** False between two starts, and once it is done. */
  get isRunning(): boolean {
    return this.#isRunning;
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Of it and what it has started, until now. */
  get peaks(): ProcessPeaks {
    return mostOf(this.#peaks, this.#watch.peaks);
  }

  /** @returns false where it does not run just now, or has been told to end */
  signal(signal: NodeJS.Signals): boolean {
    if (!this.#isRunning || (signal === 'SIGTERM' && this.#isTold)) return false;
    if (signal === 'SIGTERM') this.#isTold = true;
    return this.signalTo(this.pid, signal);
  }

  /** Signals it, or one of its children. @returns false where there is no such process any more */
  signalTo(pid: number, signal: NodeJS.Signals): boolean {
    // Before it ends of it.
    if (signal === 'SIGKILL') this.#circumstances.killed.add(pid);
    if (signal === 'SIGSTOP') this.#noteSuspension(pid);
    if (signal === 'SIGCONT') this.#noteWaking(pid);
    return sendSignal(pid, signal);
  }

  #noteSuspension(pid: number): void {
    const suspensions = this.#circumstances.suspensions.get(pid) ?? [];
    suspensions.push({ fromMs: epochMs(), toMs: Number.POSITIVE_INFINITY });
    this.#circumstances.suspensions.set(pid, suspensions);
  }

  #noteWaking(pid: number): void {
    for (const suspension of this.#circumstances.suspensions.get(pid) ?? [])
      suspension.toMs = Math.min(suspension.toMs, epochMs());
  }

  /** Process ids of what runs under it now; empty where it has just ended. */
  async childPids(): Promise<readonly number[]> {
    if (!this.#isRunning) return [];
    try {
      return (await this.#running.childPids()).filter((pid) => pid > 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Resolves as `event` does, unless the process ends before. @throws Error with all that it wrote */
  whileRunning(event: Promise<void>): Promise<void> {
    return this.#running.whileRunning(event);
  }

  /** Ends it by SIGTERM. Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.signal('SIGCONT');
    this.signal('SIGTERM');
    await this.done;
  }

  async #keep(): Promise<void> {
    for (;;) {
      const { pid } = this.#running;
      const result = await this.#running.ended;
      this.#isRunning = false;
      this.#watch[Symbol.dispose]();
      this.#peaks = this.peaks;
      this.#judge(result, pid);
      if (this.#isStopping || (this.#upkeep === 'untilDone' && result.exitCode === 0)) return;
      await delay(RESTART_MS);
      if (this.#isStopping) return;
      this.#running = this.#start();
      this.#watch = new ProcessWatch(this.#running.pid);
      this.#isRunning = true;
      this.#isTold = false;
      this.#startedAt = performance.now();
      this.#starts++;
    }
  }

  /** 1 and 3 are what a command ends with when services fail it for too long, or when it is stopped with work left. */
  #judge({ exitCode, signal, stderr }: CommandResult, pid: number): void {
    const said = UNCAUGHT.exec(stderr);
    const hasLeft = LEFT.test(stderr);
    if (hasLeft) this.#circumstances.left.add(pid);
    if (hasLeft && this.#circumstances.isPeace)
      this.unexpected.push(`${this.name} did not come to its end in time: ${stderr.slice(-500)}`);
    const mayFail = !this.#circumstances.isPeace && (exitCode === 1 || exitCode === 3);
    const isKilled = signal === 'SIGKILL' && this.#circumstances.killed.has(pid);
    // Told to end before it was able to hear it: that is Node's own way to end, and nothing was in hand.
    const wasYoung = signal === 'SIGTERM' && this.#isTold && performance.now() - this.#startedAt < YOUNG_MS;
    if (wasYoung) this.#circumstances.killed.add(pid);
    if (said !== null || (exitCode !== 0 && !mayFail && !isKilled && !wasYoung)) {
      const around =
        said === null ? stderr.slice(-1000) : stderr.slice(Math.max(0, said.index - 300), said.index + 700);
      this.unexpected.push(`${this.name} ended with ${exitCode ?? String(signal)}: ${around}`);
    }
    if (exitCode === CONFIGURATION_ERROR) throw new Error(`${this.name} refused its configuration:\n${stderr}`);
  }
}

/** By a clock that nobody sets, the same for all processes of a machine. */
function epochMs(): number {
  return performance.timeOrigin + performance.now();
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
