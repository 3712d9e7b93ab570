import { encodeObjectMessage, encodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import type { SubfolderLease } from '@object-transfer/core/ports/state-store';
import { publishTo } from '../e2e/pubsub-client.ts';
import type { FaultRig } from './fleet-rig.ts';

/*
 * States of a migration to begin a test in, each as the modules before it leave it.
 */

const LEASE_MS = 60_000;
const OBJECTS_PER_MESSAGE = 4;
/** What a comparison finds where nothing has arrived. */
const NOTHING_THERE = {
  s3SizeBytes: 1,
  gcsSizeBytes: 0,
  s3ObjectCount: 1,
  gcsObjectCount: 0,
  missingCount: 1,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
};

/** The rows of the tree are there. */
export async function dumped(rig: FaultRig, dirKeys: readonly string[]): Promise<void> {
  await rig.store.addSubfolders(dirKeys);
}

/** Messages with what the source has, on the queue. */
export async function publishObjectMessages(rig: FaultRig, dirKeys: readonly string[]): Promise<void> {
  const texts = dirKeys.flatMap((dirKey) => {
    const objects = rig.source.listed(dirKey);
    const messages: string[] = [];
    for (let start = 0; start < objects.length; start += OBJECTS_PER_MESSAGE) {
      messages.push(encodeObjectMessage(dirKey, objects.slice(start, start + OBJECTS_PER_MESSAGE)));
    }
    return messages;
  });
  await publishTo(rig.fleet, 'objects', texts);
}

/** Every object is in a message, and the rows say so. */
export async function published(rig: FaultRig, dirKeys: readonly string[]): Promise<void> {
  await dumped(rig, dirKeys);
  await publishObjectMessages(rig, dirKeys);
  const leases = await rig.store.claimSubfolders({ owner: 'before', leaseMs: LEASE_MS, limit: dirKeys.length });
  for (const lease of leases) {
    const objects = rig.source.listed(lease.dirKey);
    const bytes = objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    await rig.store.confirmPublished(lease, { objects: objects.length, bytes });
  }
}

/** All is transferred but for some, and nothing is compared. Nothing is on the queue. */
export async function transferred(
  rig: FaultRig,
  dirKeys: readonly string[],
  isMissing: (name: string) => boolean = () => false,
): Promise<void> {
  await dumped(rig, dirKeys);
  rig.source.mirror(isMissing);
  await rig.fleet.home.query(`UPDATE ${rig.fleet.table} SET initial_transfer = FALSE, cdn_transfer_published = TRUE`);
}

/** As {@link transferred}, with a message for each comparison. */
export async function checksPublished(
  rig: FaultRig,
  dirKeys: readonly string[],
  isMissing?: (name: string) => boolean,
): Promise<void> {
  await transferred(rig, dirKeys, isMissing);
  await publishSubfolderMessages(rig, 'checks', dirKeys);
  await rig.fleet.home.query(`UPDATE ${rig.fleet.table} SET sync_check_published = TRUE`);
}

/** As {@link transferred}, and every row was found unequal. */
export async function foundUnequal(
  rig: FaultRig,
  dirKeys: readonly string[],
  isMissing: (name: string) => boolean,
): Promise<void> {
  await transferred(rig, dirKeys, isMissing);
  for (const dirKey of dirKeys) await findUnequal(rig, dirKey);
}

/** A comparison finds what is not equal. */
export async function findUnequal(rig: FaultRig, dirKey: string): Promise<void> {
  const lease = await startComparison(rig, dirKey);
  await rig.store.finishSyncCheck(lease, { figures: NOTHING_THERE });
}

/** As a worker begins one. @throws Error where somebody else is at work on the row */
export async function startComparison(rig: FaultRig, dirKey: string): Promise<SubfolderLease> {
  const lease = await rig.store.startSyncCheck(dirKey, 'before', LEASE_MS);
  if (lease === undefined) throw new Error(`${dirKey} is busy`);
  return lease;
}

/** As {@link foundUnequal}, with a message for each repair. */
export async function repairsPublished(
  rig: FaultRig,
  dirKeys: readonly string[],
  isMissing: (name: string) => boolean,
): Promise<void> {
  await foundUnequal(rig, dirKeys, isMissing);
  await publishSubfolderMessages(rig, 'repairs', dirKeys);
  await rig.fleet.home.query(`UPDATE ${rig.fleet.table} SET rsync_published = TRUE`);
}

/** A message for each. */
export async function publishSubfolderMessages(
  rig: FaultRig,
  flow: 'checks' | 'repairs',
  dirKeys: readonly string[],
): Promise<void> {
  await publishTo(
    rig.fleet,
    flow,
    dirKeys.map((dirKey) => encodeSubfolderMessage([dirKey])),
  );
}
