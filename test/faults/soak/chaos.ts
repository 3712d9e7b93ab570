import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { pick, pickWeighted, randomFor } from './seeded-random.ts';
import { DESTINATION_BUCKET, type SoakCloud } from './soak-cloud.ts';
import type { SoakFleet } from './soak-fleet.ts';
import type { SoakProcess } from './soak-process.ts';
import { putObject, UNMOVABLE } from './soak-source.ts';

interface Mishap {
  readonly name: string;
  readonly weight: number;
  /** It changes objects. */
  readonly tampers?: boolean;
  /** @returns false where it could not happen now; to whom it happened, where that is to be told */
  readonly happen: () => Promise<boolean | string> | boolean | string;
}

/** Longer than the leases of the soak. */
const SUSPENDED_MS = 11_500;
const MIN_CLOCK_MS = 15_000;
/** The CDN takes no signature that is over: those of the soak hold for 60 seconds. */
const MAX_CLOCK_MS = 45_000;
const DATABASE_AWAY_MS = 800;
const PUBSUB_AWAY_MS = 1500;
/** How long a trap is set. */
const ARMED_MS = 2500;
const LATE_MS = 3000;
const PUBSUB_METHODS = ['Publish', 'StreamingPull', 'Acknowledge', 'ModifyAckDeadline'];

/** What happens to processes, database, queue and buckets, one after the other, in the order that the seed gives. */
export class Chaos {
  readonly #cloud: SoakCloud;
  readonly #fleet: SoakFleet;
  readonly #random: () => number;
  readonly #counts = new Map<string, number>();
  readonly #ending = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  readonly #mishaps: readonly Mishap[];
  #suspended = false;
  /** A trap is set: one at a time, so that each is counted once. */
  #isArmed = false;
  /** Whether objects change on either side: what arrived may be gone or different by the time that it is looked at. */
  tampers = false;
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(cloud: SoakCloud, fleet: SoakFleet, seed: number) {
    this.#cloud = cloud;
    this.#fleet = fleet;
    this.#random = randomFor(seed, 'chaos');
    this.#mishaps = [
      { name: 'SIGKILL', weight: 5, happen: () => this.#signal('SIGKILL') },
      { name: 'SIGTERM', weight: 2, happen: () => this.#signal('SIGTERM') },
      { name: 'SIGKILL of a child', weight: 3, happen: () => this.#killChild() },
      { name: 'suspended past the lease', weight: 2, happen: () => this.#suspend() },
      { name: 'clock of a host set', weight: 3, happen: () => this.#setClock() },
      { name: 'database connections cut', weight: 3, happen: () => this.#cutDatabase() },
      { name: 'database killed and started again', weight: 1, happen: () => this.#restartDatabase() },
      { name: 'answer of the database lost', weight: 3, happen: () => this.#loseDatabaseAnswer() },
      { name: 'Pub/Sub streams dropped', weight: 3, happen: () => this.#dropStreams() },
      { name: 'Pub/Sub away', weight: 2, happen: () => this.#stopPubsub() },
      { name: 'Pub/Sub acks lost, and messages late', weight: 4, happen: () => this.#loseAcks() },
      { name: 'Pub/Sub publishing stored and refused', weight: 2, happen: () => this.#refuseStored() },
      { name: 'source object changed', weight: 2, tampers: true, happen: () => this.#changeSource() },
      { name: 'source object gone', weight: 1, tampers: true, happen: () => this.#removeFromSource() },
      { name: 'destination object gone', weight: 2, tampers: true, happen: () => this.#tamper('gone') },
      { name: 'destination object changed', weight: 2, tampers: true, happen: () => this.#tamper('changed') },
      {
        name: 'destination object that the source never had',
        weight: 1,
        tampers: true,
        happen: () => this.#tamper('extra'),
      },
    ];
    // These go on all the time.
    cloud.pubsub.faults.duplicateShare = 0.1;
    cloud.pubsub.faults.outOfOrder = true;
  }

  /** So often each has happened. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  get total(): number {
    return this.#counts.values().reduce((sum, count) => sum + count, 0);
  }

  /** @param everyMs between two of them, on average */
  start(everyMs: number): void {
    this.#running = this.#goOn(everyMs).catch((error: unknown) => {
      if ((error as Error).name !== 'AbortError')
        this.#failure ??= new Error('a mishap could not happen', { cause: error });
    });
  }

  /** Resolves when nothing is broken any more. @returns what kept a mishap from happening or from being over */
  async end(): Promise<Error | undefined> {
    this.#ending.abort();
    await this.#running;
    await Promise.all(this.#underWay);
    this.#cloud.pubsub.faults.clear();
    return this.#failure;
  }

  async #goOn(everyMs: number): Promise<void> {
    for (;;) {
      await delay(everyMs * 2 * this.#random(), undefined, { signal: this.#ending.signal });
      const mishap = pickWeighted(this.#mishaps, this.#random);
      if (mishap.tampers === true && !this.tampers) continue;
      const happened = await mishap.happen();
      if (happened !== false) this.#count(happened === true ? mishap.name : `${mishap.name}: ${happened}`);
    }
  }

  #count(name: string, times = 1): void {
    if (times > 0) this.#counts.set(name, (this.#counts.get(name) ?? 0) + times);
  }

  /** Something that lasts, and is over when it is over. */
  #meanwhile(work: () => Promise<void>): void {
    const running = work()
      .catch((error: unknown) => {
        this.#failure ??= new Error('a mishap could not be undone', { cause: error });
      })
      .finally(() => this.#underWay.delete(running));
    this.#underWay.add(running);
  }

  #victim(): SoakProcess | undefined {
    const running = this.#fleet.stages.processes.filter(({ isRunning }) => isRunning);
    return running.length === 0 ? undefined : pick(running, this.#random);
  }

  #signal(signal: NodeJS.Signals): string | false {
    const victim = this.#victim();
    return victim !== undefined && victim.signal(signal) && victim.name;
  }

  async #killChild(): Promise<string | false> {
    const victim = this.#victim();
    const children = (await victim?.childPids()) ?? [];
    if (victim === undefined || children.length === 0) return false;
    return victim.signalTo(pick(children, this.#random), 'SIGKILL') && victim.name;
  }

  async #suspend(): Promise<string | false> {
    const victim = this.#victim();
    if (victim === undefined || this.#suspended) return false;
    const [child] = await victim.childPids();
    const pid = child ?? victim.pid;
    if (!victim.isRunning || !victim.signalTo(pid, 'SIGSTOP')) return false;
    this.#suspended = true;
    this.#meanwhile(async () => {
      await delay(SUSPENDED_MS);
      victim.signalTo(pid, 'SIGCONT');
      this.#suspended = false;
    });
    return victim.name;
  }

  /** By more than a lease, and by less than what a fleet refuses to start with and S3 to hear. */
  async #setClock(): Promise<string | false> {
    const victim = this.#victim();
    if (victim === undefined) return false;
    const byMs = MIN_CLOCK_MS + this.#random() * (MAX_CLOCK_MS - MIN_CLOCK_MS);
    const isAhead = this.#random() < 0.5;
    await victim.clock.set(Math.round(isAhead ? byMs : -byMs));
    return isAhead ? 'forward' : 'back';
  }

  #cutDatabase(): boolean {
    this.#cloud.mariadbProxy.cut();
    return true;
  }

  async #restartDatabase(): Promise<boolean> {
    const { mariadb, mariadbProxy } = this.#cloud;
    await mariadb.kill();
    mariadbProxy.cut();
    await delay(DATABASE_AWAY_MS);
    await mariadb.restart();
    return true;
  }

  /** Counted where one is lost. */
  #loseDatabaseAnswer(): false {
    if (this.#isArmed) return false;
    this.#isArmed = true;
    const { mariadbProxy } = this.#cloud;
    mariadbProxy.loseAnswerTo(/update|insert|COMMIT/i);
    this.#meanwhile(async () => {
      await delay(ARMED_MS);
      if (mariadbProxy.hasLost) this.#count('answer of the database lost');
      mariadbProxy.keepAnswers();
      this.#isArmed = false;
    });
    return false;
  }

  #dropStreams(): boolean {
    this.#cloud.pubsub.dropStreams();
    return true;
  }

  #stopPubsub(): boolean {
    const { faults } = this.#cloud.pubsub;
    for (const method of PUBSUB_METHODS) faults.calls.refuse(method, { code: status.UNAVAILABLE });
    this.#cloud.pubsub.dropStreams();
    this.#meanwhile(async () => {
      await delay(PUBSUB_AWAY_MS);
      faults.calls.allow();
    });
    return true;
  }

  /** Counted as they are lost, and as they come late. */
  #loseAcks(): false {
    if (this.#isArmed) return false;
    this.#isArmed = true;
    const { faults } = this.#cloud.pubsub;
    const armed = 5;
    faults.acksToLose = armed;
    faults.lateDuplicates = armed;
    faults.lateDuplicateDelayMs = LATE_MS;
    this.#meanwhile(async () => {
      await delay(ARMED_MS);
      this.#count('Pub/Sub acks lost', armed - faults.acksToLose);
      this.#count('Pub/Sub messages delivered long after their ack', armed - faults.lateDuplicates);
      faults.acksToLose = 0;
      faults.lateDuplicates = 0;
      this.#isArmed = false;
    });
    return false;
  }

  /** Counted where a publisher calls meanwhile. */
  #refuseStored(): false {
    if (this.#isArmed) return false;
    this.#isArmed = true;
    const { faults } = this.#cloud.pubsub;
    const before = faults.refusedAfterStoring;
    faults.storeButRefuse({ code: status.UNAVAILABLE, times: 1 });
    this.#meanwhile(async () => {
      await delay(ARMED_MS);
      this.#count('Pub/Sub publishing stored and refused', faults.refusedAfterStoring - before);
      this.#isArmed = false;
    });
    return false;
  }

  #sourceKey(): string | undefined {
    const keys = [...this.#cloud.keys()].filter((key) => !key.startsWith(UNMOVABLE));
    return keys.length === 0 ? undefined : pick(keys, this.#random);
  }

  #changeSource(): boolean {
    const key = this.#sourceKey();
    if (key !== undefined) putObject(this.#cloud.source, key, this.#random);
    return key !== undefined;
  }

  #removeFromSource(): boolean {
    const key = this.#sourceKey();
    if (key !== undefined) this.#cloud.source.delete(key);
    return key !== undefined;
  }

  #tamper(how: 'gone' | 'changed' | 'extra'): boolean {
    const { objects } = this.#cloud.gcs;
    const names = objects.names(DESTINATION_BUCKET).filter((name) => !name.startsWith('.object-transfer-parts/'));
    if (names.length === 0) return false;
    const name = pick(names, this.#random);
    if (how === 'gone') objects.remove(DESTINATION_BUCKET, name);
    else if (how === 'changed') objects.put(DESTINATION_BUCKET, name, 'other bytes');
    else objects.put(DESTINATION_BUCKET, `${name}-extra`, 'nobody has it');
    return true;
  }
}
