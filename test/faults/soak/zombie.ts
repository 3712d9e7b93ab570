import { setTimeout as delay } from 'node:timers/promises';
import { DESTINATION_BUCKET, type SoakCloud } from './soak-cloud.ts';
import type { SoakFleet } from './soak-fleet.ts';
import type { SoakProcess } from './soak-process.ts';

/** A folder that every soak has, with this many objects or more. */
const FOLDER = 'folder-1/';
const ARRIVES_MS = 200;

/**
 * A worker that compares a folder is suspended when it has seen the destination, and holds the row. Its lease runs out, an object
 * goes, and another worker takes the row over and sees that. Then the first one wakes up and finishes before the other: what it has
 * seen is that all is equal, and nobody may believe it. What the other one found is left to be repaired.
 */
export async function wakeZombie(cloud: SoakCloud, fleet: SoakFleet): Promise<void> {
  const { home, gcs } = cloud;
  const row = async (): Promise<Readonly<Record<string, unknown>>> => {
    const [found] = await home.query(`SELECT * FROM ${home.table} WHERE dir_key = '${FOLDER}'`);
    if (found === undefined) throw new Error(`there is no row ${FOLDER}`);
    return found;
  };
  await fleet.recheck();
  const zombie = await checkUntilListed(cloud, fleet);
  zombie.process.signal('SIGSTOP');
  fleet.suspended.add(zombie.process.pid);
  const victim = gcs.objects.names(DESTINATION_BUCKET).find((name) => name.startsWith(FOLDER));
  if (victim === undefined) throw new Error(`nothing is in ${FOLDER}`);
  gcs.objects.remove(DESTINATION_BUCKET, victim);
  // As time does: the queue's lease runs out by itself.
  await home.query(`UPDATE ${home.table} SET lease_expires_at = 1 WHERE dir_key = '${FOLDER}'`);
  const other = await checkUntilListed(cloud, fleet);
  zombie.release();
  zombie.process.signal('SIGCONT');
  await fleet.end(zombie.process);
  other.release();
  while (Number((await row())['sync_check_in_progress']) === 1) await delay(50);
  await fleet.end(other.process);
}

/** A worker that has seen the destination's side of the folder, and waits for the source's. */
async function checkUntilListed(
  { gcs, listings }: SoakCloud,
  fleet: SoakFleet,
): Promise<{ readonly process: SoakProcess; readonly release: () => void }> {
  const listed = (): number => gcs.stats.operations.get('objects.list') ?? 0;
  const before = listed();
  const { held, release } = listings.hold(FOLDER);
  const process = fleet.checker();
  await held;
  // The listings of both sides begin at once.
  while (listed() === before) await delay(20);
  // The answer is on its way through the kernel, at most.
  await delay(ARRIVES_MS);
  return { process, release };
}
