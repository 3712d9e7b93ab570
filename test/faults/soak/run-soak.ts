import { auditAll, auditBroken, auditTransfer } from './audit-soak.ts';
import { Chaos } from './chaos.ts';
import { HttpFaultPlan } from './http-fault-plan.ts';
import { randomFor } from './seeded-random.ts';
import { SoakCloud } from './soak-cloud.ts';
import { SoakFleet } from './soak-fleet.ts';
import type { ProcessPeaks } from '../limits-process-watch.ts';
import { fillSource, putObject, UNMOVABLE } from './soak-source.ts';
import { wakeZombie } from './zombie.ts';

export interface SoakOptions {
  /** At the source in the beginning; {@link MIN_OBJECTS} at least. */
  readonly objects: number;
  /** So many are injected at least. */
  readonly faults: number;
  /** Decides objects, faults and mishaps. How the system interleaves the processes it does not. */
  readonly seed: number;
  /** A line about what has come to its end. */
  readonly log: (line: string) => void;
}

export interface SoakReport {
  readonly seed: number;
  readonly objects: number;
  readonly faults: number;
  /** By what happened. */
  readonly injected: Readonly<Record<string, number>>;
  /** Subfolders that had been given up on when everything was broken. */
  readonly reset: number;
  /** Processes of the fleet that were started, children aside. */
  readonly starts: number;
  /** Of one process, at most, by what it does. */
  readonly peaks: Readonly<Record<string, ProcessPeaks>>;
  /** Messages of one queue in the hands of processes, at most. */
  readonly mostMessages: number;
  /** What the audit found, a line each. */
  readonly findings: readonly string[];
}

/** Requests that an object takes, with its share of listings. */
const REQUESTS_PER_OBJECT = 2.5;
/** More would make most objects fail all their tries, which is another test. */
const MAX_SHARE = 0.2;
/** Waiting until a client gives up on a connection that is silent takes a minute: a short soak has no time for it. */
const FAULTS_WITH_SILENCE = 1000;
const MISHAP_EVERY_MS = 4000;
const MAX_ROUNDS = 40;
/** Two folders and something in the hands of workers when they are killed. */
export const MIN_OBJECTS = 300;

/**
 * Takes a fleet through a whole migration (dump, publish, transfer, compare, repair) while HTTP exchanges, processes, database, queue
 * and buckets are broken, then through nightly rounds until enough has been broken, and audits the result.
 * @throws Error where there are too few objects; AggregateError where the migration does not come to its end, or what is broken not to
 *   its mending
 */
export async function runSoak({ objects, faults, seed, log }: SoakOptions): Promise<SoakReport> {
  if (objects < MIN_OBJECTS) throw new Error(`a soak needs ${MIN_OBJECTS} objects or more`);
  const share = Math.min(MAX_SHARE, faults / (objects * REQUESTS_PER_OBJECT));
  const plan = new HttpFaultPlan(seed, share, faults >= FAULTS_WITH_SILENCE);
  await using cloud = await SoakCloud.start(plan, seed);
  plan.sizeOf = (key) => cloud.sizeOf(key);
  const unmovable = fillSource(cloud.source, objects, seed);
  const keys: ReadonlySet<string> = new Set(cloud.keys());
  const fleet = new SoakFleet(cloud);
  await cloud.queues.create();
  await fleet.prepare();

  const chaos = new Chaos(cloud, fleet, seed);
  const findings: string[] = [];
  const injected = (): number => plan.injected + chaos.total;
  const told = (what: string): void => log(`${what}; ${injected()} faults so far`);
  plan.isOn = true;
  chaos.start(MISHAP_EVERY_MS);
  const untilBroken = async (): Promise<void> => {
    await fleet.dump();
    told('dumped');
    await fleet.transfer();
    findings.push(...(await auditTransfer(cloud)));
    told('transferred');
    chaos.tampers = true;
    await fleet.checkAndRepair();
    told('compared and repaired');
    for (let round = 1; injected() < faults; round++) {
      if (round > MAX_ROUNDS) throw new Error(`${injected()} faults in ${MAX_ROUNDS} rounds: ${faults} are too many`);
      changeObjects(cloud, (faults - injected()) / (share * REQUESTS_PER_OBJECT), seed, round);
      await fleet.checkAndRepair();
      told(`round ${round}`);
    }
  };
  const [broken] = await Promise.allSettled([untilBroken()]);
  plan.isOn = false;
  const trouble = await chaos.end();
  const reasons = [broken.status === 'rejected' ? (broken.reason as unknown) : undefined, trouble];
  const failures = reasons.filter((reason) => reason !== undefined);
  if (failures.length > 0) throw new AggregateError(failures, 'the soak did not come to its end');
  findings.push(...(await auditBroken(cloud)));
  fleet.stages.circumstances.isPeace = true;
  const reset = await fleet.resetFailed();
  await fleet.checkAndRepair();
  told(`compared and repaired in peace, ${reset} subfolders from the beginning`);
  await wakeZombie(cloud, fleet);
  await fleet.repair();
  findings.push(...(await auditAll(cloud, fleet, { keys, unmovable })));
  return {
    seed,
    objects,
    faults: injected(),
    injected: { ...sumOfProxies(cloud), ...Object.fromEntries(chaos.counts) },
    reset,
    starts: fleet.stages.starts,
    peaks: Object.fromEntries(fleet.stages.peaks),
    mostMessages: fleet.stages.mostMessages,
    findings,
  };
}

/** New versions of so many objects, or of all of them. */
function changeObjects(cloud: SoakCloud, count: number, seed: number, round: number): void {
  const random = randomFor(seed, 'round', round);
  const keys = [...cloud.keys()].filter((key) => !key.startsWith(UNMOVABLE));
  for (const key of keys) if (random() < count / keys.length) putObject(cloud.source, key, random);
}

function sumOfProxies({ proxies }: SoakCloud): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { injected } of Object.values(proxies)) {
    for (const [kind, count] of injected) sums[kind] = (sums[kind] ?? 0) + count;
  }
  return sums;
}
