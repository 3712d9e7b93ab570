import { DEFAULT_MAX_RSYNC_ATTEMPTS } from '@object-transfer/core/domain/subfolder';
import { DESTINATION_BUCKET, type SoakCloud } from './soak-cloud.ts';
import type { SoakProcess } from './soak-process.ts';
import { consuming, type Flow, FLOWS, publishing } from './soak-queues.ts';
import { UNMOVABLE } from './soak-source.ts';
import { SoakStages } from './soak-stage.ts';

const RECHECK = ['publisher', 'sync-check', '--recheck', '--once', ...publishing('checks')];
const GIVEN_UP = `repair_due = 2 AND rsync_attempts >= ${DEFAULT_MAX_RSYNC_ATTEMPTS}`;
const UPLOADS_BEFORE_KILL = 40;

/** A fleet's migration, stage after stage, as an operator runs it. */
export class SoakFleet {
  readonly stages: SoakStages;
  readonly #cloud: SoakCloud;

  constructor(cloud: SoakCloud) {
    this.#cloud = cloud;
    this.stages = new SoakStages(cloud);
  }

  async prepare(): Promise<void> {
    const flags = [...publishing('objects'), ...consuming('objects')];
    await this.#toItsEnd(['prepare', ...flags]);
  }

  async dump(): Promise<void> {
    // Whatever the seed says, this happens: it is killed in the midst of its listing, and begins anew.
    const { held, release } = this.#cloud.listings.hold('');
    const dump = this.stages.start('dump', 'untilDone', ['dump']);
    let isDone = false;
    void dump.done.then(() => (isDone = true));
    const killInTheMidst = async (): Promise<void> => {
      await held;
      dump.signal('SIGKILL');
      release();
    };
    void killInTheMidst();
    await this.stages.run([dump], () => isDone);
  }

  /** Publishes all subfolders and transfers what is published, until the queue is empty. */
  async transfer(): Promise<void> {
    const publisher = ['publisher', 'objects', ...publishing('objects')];
    const workers = [this.#worker('cdnTransfer', 'objects', 2), this.#worker('cdnTransfer', 'objects')];
    const publishers = Array.from({ length: 2 }, () => this.stages.start('publisher objects', 'untilDone', publisher));
    let wereKilled = false;
    await this.stages.run([...workers, ...publishers], async () => {
      if (!wereKilled && this.#cloud.gcs.objects.names(DESTINATION_BUCKET).length >= UPLOADS_BEFORE_KILL) {
        // Whatever the seed says, this happens: all at once, at a moment when they hold messages.
        wereKilled = true;
        await Promise.all(workers.map(killWithChildren));
      }
      return (await this.#rows('NOT cdn_transfer_published')) === 0 && this.#cloud.queues.waiting('objects') === 0;
    });
    if (!wereKilled) throw new Error(`a soak needs more than ${UPLOADS_BEFORE_KILL} objects`);
  }

  /**
   * Compares every subfolder, once more where it was compared before, and repairs what is not equal. What a publisher of objects that
   * stood still has published late is transferred meanwhile.
   */
  async checkAndRepair(): Promise<void> {
    const [{ now } = {}] = await this.#cloud.query('SELECT UTC_TIMESTAMP() AS now');
    const recheck = this.stages.start('publisher sync-check --recheck', 'untilDone', RECHECK);
    const publisher = ['publisher', 'sync-check', ...publishing('checks')];
    const others = [
      this.stages.start('publisher sync-check', 'untilStopped', publisher),
      this.checker(),
      this.#worker('cdnTransfer', 'objects'),
    ];
    const compared = `sync_check_error IS NULL AND sync_check_frequency > 0
      AND GREATEST(COALESCE(sync_check_last_end, '1970-01-01'), COALESCE(rsync_last_end, '1970-01-01')) >= '${String(now)}'`;
    await this.stages.run(
      [recheck, ...others, ...this.#repairers()],
      async () =>
        (await this.#rows(`NOT (${compared})`)) === 0 &&
        (await this.#isRepaired()) &&
        FLOWS.every((flow) => this.#cloud.queues.waiting(flow) === 0),
    );
  }

  /** Repairs what comparisons have found; compares nothing that is held to be equal. */
  async repair(): Promise<void> {
    const isDone = async () => (await this.#isRepaired()) && this.#cloud.queues.waiting('repairs') === 0;
    await this.stages.run(this.#repairers(), isDone);
  }

  /** A worker that compares, and nothing else. It is the caller's to end. */
  checker(): SoakProcess {
    return this.#worker('syncCheck', 'checks');
  }

  /** Publishes all comparisons once more. */
  async recheck(): Promise<void> {
    await this.#toItsEnd(RECHECK);
  }

  /**
   * What was given up on while everything was broken is begun again, as an operator would: but for what can never be done.
   * @returns how many subfolders
   */
  async resetFailed(): Promise<number> {
    const failed = await this.#cloud.query(
      `SELECT dir_key FROM ${this.#cloud.home.table} WHERE ${GIVEN_UP} AND dir_key <> '${UNMOVABLE}'`,
    );
    const dirs = failed.flatMap(({ dir_key: dirKey }) => ['--dir', String(dirKey)]);
    if (dirs.length > 0) await this.#toItsEnd(['reset', 'rsync', ...dirs, '--yes', '--force']);
    return failed.length;
  }

  #repairers(): readonly SoakProcess[] {
    return [
      this.stages.start('publisher rsync', 'untilStopped', ['publisher', 'rsync', ...publishing('repairs')]),
      this.#worker('rsync', 'repairs', 2),
    ];
  }

  #worker(mode: string, flow: Flow, processes = 1): SoakProcess {
    const args = ['worker', mode, ...consuming(flow), '--processes', String(processes)];
    return this.stages.start(`worker ${mode}`, 'untilStopped', args, { flow, processes });
  }

  /** Nothing is being done, and nothing is left to do that has not been given up on. */
  async #isRepaired(): Promise<boolean> {
    const given = `repair_due > 0 AND NOT (${GIVEN_UP})`;
    const busy = 'sync_check_in_progress OR rsync_in_progress OR (check_due > 0 AND NOT sync_check_published)';
    return (await this.#rows(`${given} OR ${busy}`)) === 0;
  }

  async #rows(condition: string): Promise<number> {
    const [row] = await this.#cloud.query(`SELECT COUNT(*) AS n FROM ${this.#cloud.home.table} WHERE ${condition}`);
    return Number(row?.['n']);
  }

  async #toItsEnd(args: readonly string[]): Promise<void> {
    const { exitCode, stderr } = await this.#cloud.command(args).ended;
    if (exitCode !== 0) throw new Error(`${args.join(' ')}, without faults, ended with ${exitCode}:\n${stderr}`);
  }
}

async function killWithChildren(worker: SoakProcess): Promise<void> {
  const children = await worker.childPids();
  worker.signal('SIGKILL');
  for (const pid of children) worker.signalTo(pid, 'SIGKILL');
}
