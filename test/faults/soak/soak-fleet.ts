import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessPeaks } from '../limits-process-watch.ts';
import { DEFAULT_MAX_RSYNC_ATTEMPTS } from '@object-transfer/core/domain/subfolder';
import { consuming, DESTINATION_BUCKET, FLOWS, publishing, type SoakCloud } from './soak-cloud.ts';
import { sendSignal } from './send-signal.ts';
import { mostOf, NOTHING, SoakProcess, type UnexpectedEnd, type Upkeep } from './soak-process.ts';
import { UNMOVABLE } from './soak-source.ts';

const POLL_MS = 250;
const RECHECK = ['publisher', 'sync-check', '--recheck', '--once', ...publishing('checks')];
const UPLOADS_BEFORE_KILL = 40;
const GIVEN_UP = `repair_due = 2 AND rsync_attempts >= ${DEFAULT_MAX_RSYNC_ATTEMPTS}`;

/** A stage in which nothing has changed for so long will not end. */
const STUCK_MS = 240_000;

/** The processes of a fleet, stage after stage, as an operator runs them. */
export class SoakFleet {
  readonly #cloud: SoakCloud;
  #processes: SoakProcess[] = [];
  readonly #unexpected: UnexpectedEnd[] = [];
  #starts = 0;
  #peaks = NOTHING;

  /** Processes that were stopped from outside for a while: time stood still for them. */
  readonly suspended = new Set<number>();

  constructor(cloud: SoakCloud) {
    this.#cloud = cloud;
  }

  /** What runs now. */
  get processes(): readonly SoakProcess[] {
    return this.#processes;
  }

  /** Ends that nothing but a defect explains. */
  get unexpected(): readonly UnexpectedEnd[] {
    return this.#unexpected;
  }

  /** Processes that were started, children aside. */
  get starts(): number {
    return this.#starts;
  }

  /** Of any one process. */
  get peaks(): ProcessPeaks {
    return this.#peaks;
  }

  async prepare(): Promise<void> {
    const flags = [...publishing('objects'), ...consuming('objects')];
    await this.#toItsEnd(this.#cloud.command('prepare', ...flags));
  }

  async dump(): Promise<void> {
    const dump = this.#start('dump', 'untilDone', ['dump']);
    await this.#stage([dump], () => dump.done.then(() => true));
  }

  /** Publishes all subfolders and transfers what is published, until the queue is empty. */
  async transfer(): Promise<void> {
    const worker = ['worker', 'cdnTransfer', ...consuming('objects')];
    const publisher = ['publisher', 'objects', ...publishing('objects')];
    const processes = [
      this.#start('worker cdnTransfer', 'untilStopped', [...worker, '--processes', '2']),
      this.#start('worker cdnTransfer', 'untilStopped', worker),
      this.#start('publisher objects', 'untilDone', publisher),
      this.#start('publisher objects', 'untilDone', publisher),
    ];
    void this.#killWithFullHands(processes.slice(0, 2));
    await this.#stage(
      processes,
      async () => (await this.#rows('NOT cdn_transfer_published')) === 0 && this.#cloud.waiting('objects') === 0,
    );
  }

  /** Compares every subfolder, once more where it was compared before, and repairs what is not equal. */
  async checkAndRepair(): Promise<void> {
    const [{ now } = {}] = await this.#cloud.home.query('SELECT UTC_TIMESTAMP() AS now');
    const recheck = this.#start('publisher sync-check --recheck', 'untilDone', RECHECK);
    const compared = `sync_check_error IS NULL AND sync_check_frequency > 0
      AND GREATEST(COALESCE(sync_check_last_end, '1970-01-01'), COALESCE(rsync_last_end, '1970-01-01')) >= '${String(now)}'`;
    await this.#stage(
      [recheck, ...this.#checkers(), ...this.#repairers()],
      async () =>
        (await this.#rows(`NOT (${compared})`)) === 0 &&
        (await this.#isRepaired()) &&
        FLOWS.every((flow) => this.#cloud.waiting(flow) === 0),
    );
  }

  /** Repairs what comparisons have found; compares nothing that is held to be equal. */
  async repair(): Promise<void> {
    await this.#stage(
      this.#repairers(),
      async () => (await this.#isRepaired()) && this.#cloud.waiting('repairs') === 0,
    );
  }

  /** A worker that compares, and nothing else. It is the caller's to end. */
  checker(): SoakProcess {
    return this.#start('worker syncCheck', 'untilStopped', ['worker', 'syncCheck', ...consuming('checks')]);
  }

  /** Publishes all comparisons once more. */
  async recheck(): Promise<void> {
    await this.#toItsEnd(this.#cloud.command(...RECHECK));
  }

  /** What was given up on while everything was broken is begun again, as an operator would: but for what can never be done. */
  async resetFailed(): Promise<void> {
    const failed = await this.#query(
      `SELECT dir_key FROM ${this.#cloud.home.table} WHERE ${GIVEN_UP} AND dir_key <> '${UNMOVABLE}'`,
    );
    if (failed.length === 0) return;
    const dirs = failed.flatMap(({ dir_key: dirKey }) => ['--dir', String(dirKey)]);
    await this.#toItsEnd(this.#cloud.command('reset', 'rsync', ...dirs, '--yes', '--force'));
  }

  /** Nothing is being done, and nothing is left to do that has not been given up on. */
  async #isRepaired(): Promise<boolean> {
    const given = `repair_due > 0 AND NOT (${GIVEN_UP})`;
    const busy = 'sync_check_in_progress OR rsync_in_progress OR (check_due > 0 AND NOT sync_check_published)';
    return (await this.#rows(`${given} OR ${busy}`)) === 0;
  }

  async end(process: SoakProcess): Promise<void> {
    try {
      await process.stop();
    } finally {
      this.#unexpected.push(...process.unexpected);
      this.#starts += process.starts;
      this.#peaks = mostOf(this.#peaks, process.peaks);
    }
  }

  /** All of them at once, at a moment when they hold messages: whatever the seed says, this happens. */
  async #killWithFullHands(workers: readonly SoakProcess[]): Promise<void> {
    const uploaded = (): number => this.#cloud.gcs.objects.names(DESTINATION_BUCKET).length;
    while (uploaded() < UPLOADS_BEFORE_KILL) await delay(20);
    const children = await Promise.all(workers.map((worker) => worker.childPids()));
    for (const worker of workers) worker.signal('SIGKILL');
    for (const pid of children.flat()) sendSignal(pid, 'SIGKILL');
  }

  #checkers(): readonly SoakProcess[] {
    return [
      this.#start('publisher sync-check', 'untilStopped', ['publisher', 'sync-check', ...publishing('checks')]),
      this.checker(),
    ];
  }

  #repairers(): readonly SoakProcess[] {
    return [
      this.#start('publisher rsync', 'untilStopped', ['publisher', 'rsync', ...publishing('repairs')]),
      this.#start('worker rsync', 'untilStopped', ['worker', 'rsync', ...consuming('repairs'), '--processes', '2']),
    ];
  }

  #start(name: string, upkeep: Upkeep, args: readonly string[]): SoakProcess {
    return new SoakProcess(name, upkeep, () => this.#cloud.command(...args));
  }

  /** Lets processes run until there is nothing left to do for them. @throws Error where nothing happens any more */
  async #stage(processes: readonly SoakProcess[], isDone: () => Promise<boolean>): Promise<void> {
    this.#processes = [...processes];
    try {
      const failed = Promise.race(processes.map(({ done }) => done.then(() => new Promise<never>(() => undefined))));
      await Promise.race([failed, this.#until(isDone)]);
    } finally {
      this.#processes = [];
      await Promise.all(processes.map((each) => this.end(each)));
    }
  }

  async #until(isDone: () => Promise<boolean>): Promise<void> {
    let seen = '';
    for (let quietMs = 0; quietMs < STUCK_MS; quietMs += POLL_MS) {
      if (await isDone()) return;
      const state = await this.#describeState();
      if (state !== seen) quietMs = 0;
      seen = state;
      await delay(POLL_MS);
    }
    throw new Error(`nothing happens any more: ${seen}`);
  }

  async #describeState(): Promise<string> {
    const { requests } = this.#cloud.proxies.gcs;
    const rows = await this.#query(
      `SELECT dir_key, cdn_transfer_published + 10 * sync_check_published + 100 * rsync_published + 1000 * sync_check_in_progress + 10000 * rsync_in_progress AS flags,
              sync_check_frequency, rsync_frequency, check_due, repair_due, rsync_attempts, sync_check_last_end, rsync_last_end, sync_check_error, rsync_error
         FROM ${this.#cloud.home.table} WHERE NOT cdn_transfer_published OR check_due > 0 OR repair_due > 0 OR sync_check_in_progress OR rsync_in_progress LIMIT 3`,
    );
    return JSON.stringify({ rows, requests, waiting: FLOWS.map((flow) => this.#cloud.waiting(flow)) });
  }

  /** While the database is away, nobody knows: as many as there can be. */
  async #rows(condition: string): Promise<number> {
    const [row] = await this.#query(`SELECT COUNT(*) AS n FROM ${this.#cloud.home.table} WHERE ${condition}`);
    return row === undefined ? Number.POSITIVE_INFINITY : Number(row['n']);
  }

  /** Empty while the database is away: the soak takes it away itself. */
  async #query(sql: string): Promise<readonly Record<string, unknown>[]> {
    try {
      return await this.#cloud.home.query(sql);
    } catch (error) {
      if (AWAY.has(String((error as NodeJS.ErrnoException).code))) return [];
      throw error;
    }
  }

  async #toItsEnd(command: ReturnType<SoakCloud['command']>): Promise<void> {
    const { exitCode, stderr } = await command.ended;
    if (exitCode !== 0) throw new Error(`a command without faults ended with ${exitCode}:\n${stderr}`);
  }
}

const AWAY: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'PROTOCOL_CONNECTION_LOST',
  'ER_SERVER_SHUTDOWN',
]);
