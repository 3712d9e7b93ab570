import { setTimeout as delay } from 'node:timers/promises';
import { endsWithin } from '@object-transfer/core/runtime/ends-within';
import { DESTINATION_BUCKET, type SoakCloud } from './soak-cloud.ts';
import type { SoakFleet } from './soak-fleet.ts';
import type { SoakProcess } from './soak-process.ts';

/** A folder that every soak has. */
const FOLDER = 'folder-1/';
/** Only ends a soak in which it does not come to what is waited for. */
const WAIT_MS = 120_000;

interface Started {
  readonly process: SoakProcess;
  /** Lets its listing go. */
  readonly release: () => void;
}

interface Checking extends Started {
  /** Of the row. */
  readonly leaseOwner: unknown;
}

/**
 * A worker that compares a folder is suspended when it has seen the destination, and holds the row. Its lease runs out, an object
 * goes, and another worker takes the row over and sees that. Then the first one wakes up and finishes before the other: what it has
 * seen is that all is equal, and nobody may believe it. What the other one found is left to be repaired.
 */
export async function wakeZombie(cloud: SoakCloud, fleet: SoakFleet): Promise<void> {
  const { home, gcs } = cloud;
  await fleet.recheck();
  const started: Started[] = [];
  try {
    const zombie = await checkUntilListed(cloud, fleet, started);
    // What else it held nobody would compare in its stead.
    await zombie.process.whileRunning(inTime('it holds nothing else', holdsNothingElse(cloud)));
    zombie.process.signal('SIGSTOP');
    const victim = gcs.objects.names(DESTINATION_BUCKET).find((name) => name.startsWith(FOLDER));
    if (victim === undefined) throw new Error(`nothing is in ${FOLDER}`);
    gcs.objects.remove(DESTINATION_BUCKET, victim);
    // As time does: the queue's lease runs out by itself.
    await home.query(`UPDATE ${home.table} SET lease_expires_at = 1 WHERE dir_key = '${FOLDER}'`);
    const other = await checkUntilListed(cloud, fleet, started);
    if (other.leaseOwner === zombie.leaseOwner) throw new Error('nobody has taken the row over');
    zombie.release();
    zombie.process.signal('SIGCONT');
    await fleet.stages.end(zombie.process);
    other.release();
    await other.process.whileRunning(inTime('the other one finishes', compared(cloud)));
  } finally {
    for (const { process, release } of started) {
      release();
      if (process.isRunning) await fleet.stages.end(process);
    }
  }
}

/** A worker that has seen the destination's side of the folder, and waits for the source's. */
async function checkUntilListed(cloud: SoakCloud, fleet: SoakFleet, started: Started[]): Promise<Checking> {
  const { held, release } = cloud.listings.hold(FOLDER);
  const answered = cloud.listed.answered(FOLDER);
  const process = fleet.checker();
  started.push({ process, release });
  // The listings of both sides begin at once.
  await process.whileRunning(inTime(`${FOLDER} is listed at the source`, held));
  await process.whileRunning(inTime(`${FOLDER} is listed at the destination`, answered));
  const { lease_owner: leaseOwner, sync_check_in_progress: isInProgress } = await row(cloud);
  if (Number(isInProgress) !== 1 || leaseOwner === null) throw new Error(`nobody compares ${FOLDER}`);
  return { process, leaseOwner, release };
}

/** The message that names the folder is the only one left, and of the others that it names none is being compared. */
async function holdsNothingElse({ home, queues }: SoakCloud): Promise<void> {
  const others = `SELECT dir_key FROM ${home.table} WHERE dir_key <> '${FOLDER}' AND sync_check_in_progress LIMIT 1`;
  const isLast = (): boolean => queues.waiting('checks') === 1 && queues.stats('checks').outstanding === 1;
  while (!isLast() || (await home.query(others)).length > 0) await delay(50);
}

async function compared(cloud: SoakCloud): Promise<void> {
  while (Number((await row(cloud))['sync_check_in_progress']) !== 0) await delay(50);
}

async function inTime(what: string, event: Promise<void>): Promise<void> {
  if (!(await endsWithin(event, WAIT_MS))) throw new Error(`it does not come to it that ${what}`);
  await event;
}

async function row({ home }: SoakCloud): Promise<Readonly<Record<string, unknown>>> {
  const [found] = await home.query(`SELECT * FROM ${home.table} WHERE dir_key = '${FOLDER}'`);
  if (found === undefined) throw new Error(`there is no row ${FOLDER}`);
  return found;
}
