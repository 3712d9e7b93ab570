import type { CheckMode } from '@object-transfer/core/config/check-fields';
import { compareSizes } from './compare-sizes.ts';
import { compareSubfolder, type CompareContext, type Difference } from './compare-subfolder.ts';
import type { SubfolderLease } from '@object-transfer/core/ports/state-store';
import {
  beginningOf,
  workOnSubfolder,
  type SubfolderWorkContext,
  type WorkResult,
} from '../subfolders/work-on-subfolder.ts';

export interface CheckContext extends CompareContext, SubfolderWorkContext {
  /** Default `content`. */
  readonly checkMode?: CheckMode | undefined;
}

/** What becomes of the differences that a comparison finds. */
export interface DifferenceSink {
  /** Told each difference as it is found; the comparison, which has this lease, waits for it. */
  add(difference: Difference, lease: SubfolderLease): void | Promise<void>;
  /** Told that all were found, by a comparison that began at this time of the state's clock. */
  complete(beganAt: Date, lease: SubfolderLease): Promise<void>;
}

/**
 * Compares one subfolder and stores what was found in its row: the start and end of a sync check of the reference tool. A
 * comparison that could not be completed is stored as the row's error, with the figures of the last one left alone.
 * @param sink learns of the objects; in the mode `size` there is nothing to learn
 * @throws as {@link workOnSubfolder}
 */
export function checkSubfolder(
  context: CheckContext,
  dirKey: string,
  sink: DifferenceSink,
  signal: AbortSignal,
  storesFailure?: (error: Error) => boolean,
): Promise<WorkResult> {
  const { stateStore, owner, leaseMs } = context;
  const work = {
    start: () => stateStore.startSyncCheck(dirKey, owner, leaseMs),
    finish: stateStore.finishSyncCheck.bind(stateStore),
    release: stateStore.releaseSyncCheck.bind(stateStore),
  };
  const compare = async (workSignal: AbortSignal, lease: SubfolderLease) => {
    if (context.checkMode === 'size') return compareSizes(context, dirKey, workSignal);
    const figures = await compareSubfolder(context, dirKey, (difference) => sink.add(difference, lease), workSignal);
    await sink.complete(beginningOf(lease, leaseMs), lease);
    return figures;
  };
  return workOnSubfolder(context, work, dirKey, compare, signal, storesFailure);
}
