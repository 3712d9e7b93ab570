import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessPeaks } from '../limits-process-watch.ts';
import { HeldMessages } from './held-messages.ts';
import type { SoakCloud } from './soak-cloud.ts';
import { type Circumstances, type Consumer, mostOf, NOTHING, SoakProcess, type Upkeep } from './soak-process.ts';
import { FLOWS } from './soak-queues.ts';

const POLL_MS = 250;
/** A stage in which nothing has changed for so long will not end. */
const STUCK_MS = 240_000;
/** A stage in which something goes on changing for so long will not, either. */
const ENDLESS_MS = 3_600_000;

/** Lets processes run beside each other until a part of the migration is done, and looks at what they use. */
export class SoakStages {
  readonly circumstances: Circumstances = {
    killed: new Set(),
    left: new Set(),
    suspensions: new Map(),
    isPeace: false,
  };
  /** What was wrong with processes, a line each. */
  readonly findings: string[] = [];
  readonly #cloud: SoakCloud;
  #processes: readonly SoakProcess[] = [];
  #starts = 0;
  readonly #peaks = new Map<string, ProcessPeaks>();
  readonly #held = new HeldMessages();

  constructor(cloud: SoakCloud) {
    this.#cloud = cloud;
  }

  /** What runs now, or is about to be started again. */
  get processes(): readonly SoakProcess[] {
    return this.#processes;
  }

  /** Processes that were started, children aside. */
  get starts(): number {
    return this.#starts;
  }

  /** Of any one process, by what it does. */
  get peaks(): ReadonlyMap<string, ProcessPeaks> {
    return this.#peaks;
  }

  /** Messages of one queue in the hands of processes, at most. */
  get mostMessages(): number {
    return this.#held.most;
  }

  start(name: string, upkeep: Upkeep, args: readonly string[], consumes?: Consumer): SoakProcess {
    const { circumstances } = this;
    const clock = this.#cloud.clock();
    const start = () => this.#cloud.command(args, clock);
    return new SoakProcess({ name, upkeep, consumes, clock, circumstances, start });
  }

  /** Stops a process. */
  async end(process: SoakProcess): Promise<void> {
    try {
      await process.stop();
    } finally {
      this.findings.push(...process.unexpected);
      this.#starts += process.starts;
      this.#peaks.set(process.name, mostOf(this.#peaks.get(process.name) ?? NOTHING, process.peaks));
    }
  }

  /**
   * Lets processes run until there is nothing left to do for them, and stops them.
   * @throws Error where nothing happens any more, or one refuses its configuration
   */
  async run(processes: readonly SoakProcess[], isDone: () => boolean | Promise<boolean>): Promise<void> {
    this.#processes = processes;
    const ending = new AbortController();
    try {
      const refused = processes.map(({ done }) => done.then(() => new Promise<never>(() => undefined)));
      await Promise.race([...refused, this.#until(isDone, ending.signal)]);
    } finally {
      ending.abort();
      this.#processes = [];
      const ended = await Promise.allSettled(processes.map((each) => this.end(each)));
      for (const { reason } of ended.filter((end) => end.status === 'rejected')) this.findings.push(String(reason));
    }
  }

  async #until(isDone: () => boolean | Promise<boolean>, signal: AbortSignal): Promise<void> {
    const endlessAt = performance.now() + ENDLESS_MS;
    let stuckAt = performance.now() + STUCK_MS;
    let seen = '';
    while (!(await isDone()) && !signal.aborted) {
      this.#countMessages();
      const state = await this.#describeState();
      if (state !== seen) stuckAt = performance.now() + STUCK_MS;
      seen = state;
      if (performance.now() > Math.min(stuckAt, endlessAt)) throw new Error(`this does not come to its end: ${seen}`);
      await delay(POLL_MS);
    }
  }

  #countMessages(): void {
    for (const flow of FLOWS) {
      const consumers = this.#processes
        .filter(({ consumes }) => consumes?.flow === flow)
        .reduce((sum, { consumes }) => sum + (consumes?.processes ?? 0), 0);
      this.findings.push(...this.#held.look(flow, this.#cloud.queues.stats(flow), consumers, performance.now()));
    }
  }

  async #describeState(): Promise<string> {
    const rows = await this.#cloud.query(
      `SELECT dir_key, check_due, repair_due, rsync_attempts, sync_check_error, rsync_error, lease_owner
         FROM ${this.#cloud.home.table}
        WHERE NOT cdn_transfer_published OR check_due > 0 OR repair_due > 0 OR sync_check_in_progress OR rsync_in_progress LIMIT 5`,
    );
    const { requests } = this.#cloud.proxies.gcs;
    return JSON.stringify({ rows, requests, waiting: FLOWS.map((flow) => this.#cloud.queues.waiting(flow)) });
  }
}
