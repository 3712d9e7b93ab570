import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessPeaks } from '../limits-process-watch.ts';
import { FLOWS, type SoakCloud } from './soak-cloud.ts';
import { type Circumstances, mostOf, NOTHING, SoakProcess, type Upkeep } from './soak-process.ts';

const POLL_MS = 250;
/** A stage in which nothing has changed for so long will not end. */
const STUCK_MS = 240_000;
/** A stage in which something goes on changing for so long will not, either. */
const ENDLESS_MS = 3_600_000;
/** What Pub/Sub hands to one process at a time, see `cli/src/wiring/pubsub.ts`. */
const MAX_MESSAGES_IN_FLIGHT = 32;

/** Lets processes run beside each other until a part of the migration is done, and looks at what they use. */
export class SoakStages {
  readonly circumstances: Circumstances = { killed: new Set(), suspended: new Set(), isPeace: false };
  /** What was wrong with processes, a line each. */
  readonly findings: string[] = [];
  readonly #cloud: SoakCloud;
  #processes: readonly SoakProcess[] = [];
  #starts = 0;
  #peaks = NOTHING;
  #mostMessages = 0;

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

  /** Of any one process. */
  get peaks(): ProcessPeaks {
    return this.#peaks;
  }

  /** Messages of one queue in the hands of processes, at most. */
  get mostMessages(): number {
    return this.#mostMessages;
  }

  start(name: string, upkeep: Upkeep, args: readonly string[]): SoakProcess {
    return new SoakProcess(name, upkeep, this.circumstances, () => this.#cloud.command(...args));
  }

  /** Stops a process. */
  async end(process: SoakProcess): Promise<void> {
    try {
      await process.stop();
    } finally {
      this.findings.push(...process.unexpected);
      this.#starts += process.starts;
      this.#peaks = mostOf(this.#peaks, process.peaks);
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

  /** What a process held that was killed counts until its lease is over. */
  #countMessages(): void {
    const starts = this.#processes.reduce((sum, process) => sum + process.starts, 0);
    for (const [name, { outstanding }] of Object.entries(this.#cloud.pubsub.stats().subscriptions)) {
      this.#mostMessages = Math.max(this.#mostMessages, outstanding);
      // Each may have one child more.
      const bound = MAX_MESSAGES_IN_FLIGHT * 2 * starts;
      if (outstanding > bound)
        this.findings.push(`${outstanding} messages of ${name} are held, at most ${bound} may be`);
    }
  }

  async #describeState(): Promise<string> {
    const rows = await this.#cloud.query(
      `SELECT dir_key, check_due, repair_due, rsync_attempts, sync_check_error, rsync_error, lease_owner
         FROM ${this.#cloud.home.table}
        WHERE NOT cdn_transfer_published OR check_due > 0 OR repair_due > 0 OR sync_check_in_progress OR rsync_in_progress LIMIT 5`,
    );
    const { requests } = this.#cloud.proxies.gcs;
    return JSON.stringify({ rows, requests, waiting: FLOWS.map((flow) => this.#cloud.waiting(flow)) });
  }
}
