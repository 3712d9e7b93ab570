import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { sleep } from '@object-transfer/core/runtime/sleep';
import type { SubfolderLease } from '@object-transfer/core/ports/state-store';
import { compareSubfolder, type Difference } from '../sync-check/compare-subfolder.ts';
import { DifferenceRecorder } from '../sync-check/difference-recorder.ts';
import { workOnSubfolder, type SubfolderWorkContext, type WorkResult } from '../subfolders/work-on-subfolder.ts';
import { deleteExtras } from './delete-extras.ts';
import { transferDifferences, type TransferDifferencesContext } from './transfer-differences.ts';

/**
 * Repairs one subfolder:
 *
 *   compare   Both listings are walked in step; what is missing, different or unproven is transferred on the way, by the
 *             same engine and under the same checks as the first time (`native`), or the whole folder is given to
 *             `gcloud storage rsync` (`gcloud`).
 *   delete    What only the destination has goes, where that is asked for, and only after both listings were complete.
 *   compare   The figures are taken again, and the row gets those. What is not equal now is an open error.
 *
 * A listing that fails ends the repair as failed: nothing is deleted, and what was transferred by then stays.
 */
export interface RepairContext extends SubfolderWorkContext, TransferDifferencesContext {
  readonly stateStore: SubfolderWorkContext['stateStore'];
  readonly logger: Logger;
  readonly deleteExtra: boolean;
  /** Repairs that did not help before the row is left for somebody to look at. */
  readonly maxRsyncAttempts: number;
  /** In place of transferring the differences. */
  readonly syncFolder?: ((dirKey: string, signal: AbortSignal) => Promise<void>) | undefined;
  readonly onDeleted: (objects: number) => void;
}

/** Objects deleted in one pass: their names are held in memory. */
const MAX_EXTRAS = 100_000;
/** Errors are told apart by when they were last seen, in milliseconds: those of the transfers are older than the comparison. */
const CLOCK_TICK_MS = 2;

/** @throws as {@link workOnSubfolder} */
export function repairSubfolder(
  context: RepairContext,
  dirKey: string,
  signal: AbortSignal,
  storesFailure?: (error: Error) => boolean,
): Promise<WorkResult> {
  const { stateStore, owner, leaseMs, maxRsyncAttempts } = context;
  const work = {
    start: () => stateStore.startRsync(dirKey, owner, leaseMs),
    finish: (...[lease, outcome]: Parameters<typeof stateStore.finishSyncCheck>) =>
      stateStore.finishRsync(lease, outcome, maxRsyncAttempts),
    release: stateStore.releaseRsync.bind(stateStore),
  };
  return workOnSubfolder(
    context,
    work,
    dirKey,
    async (workSignal, lease) => {
      await repair(context, lease, workSignal);
      return takeFigures(context, lease, workSignal);
    },
    signal,
    storesFailure,
  );
}

async function repair(context: RepairContext, lease: SubfolderLease, signal: AbortSignal): Promise<void> {
  const { syncFolder, deleteExtra } = context;
  const { dirKey } = lease;
  const maxExtras = deleteExtra ? MAX_EXTRAS : 0;
  if (syncFolder === undefined) {
    const transferred = () => transferDifferences(context, lease, maxExtras, signal);
    await deleteAll(context, async () => (await transferred()).extras, signal);
    return;
  }
  await syncFolder(dirKey, signal);
  if (deleteExtra) await deleteAll(context, () => findExtras(context, dirKey, signal), signal);
}

/** @param find walks both listings to their ends, and brings as many extras as one pass holds */
async function deleteAll(
  context: RepairContext,
  find: () => Promise<readonly DestinationObject[]>,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const extras = await find();
    if (extras.length === 0) return;
    const deleted = await deleteExtras(context.transfer, extras, context.logger, signal);
    context.onDeleted(deleted);
    // More may be left than one pass holds; where nothing can be deleted, another pass would not help.
    if (extras.length < MAX_EXTRAS || deleted === 0) return;
  }
}

async function findExtras(
  { comparison }: RepairContext,
  dirKey: string,
  signal: AbortSignal,
): Promise<readonly DestinationObject[]> {
  const extras: DestinationObject[] = [];
  const keep = (difference: Difference): void => {
    if (difference.kind === 'extra' && extras.length < MAX_EXTRAS) extras.push(difference.found);
  };
  await compareSubfolder(comparison, dirKey, keep, signal);
  return extras;
}

/** Closes the errors of the transfers, too, of objects that are equal now or that the source has given up. */
async function takeFigures(context: RepairContext, lease: SubfolderLease, signal: AbortSignal): Promise<CheckFigures> {
  const { dirKey } = lease;
  await sleep(CLOCK_TICK_MS, signal);
  const beganAt = await context.stateStore.now();
  const recorder = new DifferenceRecorder(context.stateStore, context.comparison.mapping, dirKey);
  const add = (difference: Difference) => recorder.add(difference, lease);
  const figures = await compareSubfolder(context.comparison, dirKey, add, signal);
  await recorder.complete(beganAt, lease);
  return figures;
}
