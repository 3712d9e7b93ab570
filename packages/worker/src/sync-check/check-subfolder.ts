import { describeError } from '@object-transfer/core/domain/classify-error';
import { ConfigurationError, DestinationError, SourceError } from '@object-transfer/core/domain/errors';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { compareSubfolder, type CompareContext, type Difference } from './compare-subfolder.ts';

export interface CheckContext extends CompareContext {
  readonly stateStore: StateStore;
  /** Who checks: a process id. */
  readonly owner: string;
  readonly leaseMs: number;
}

export type CheckResult =
  | { readonly status: 'checked'; readonly figures: CheckFigures }
  /** A check or a repair of this subfolder is going on elsewhere. */
  | { readonly status: 'busy' }
  /** Somebody else took it over on the way: what was found is not stored. */
  | { readonly status: 'lost' }
  | { readonly status: 'failed'; readonly error: unknown };

/**
 * Compares one subfolder and stores what was found in its row: the start and end of a sync check of the reference tool. A comparison
 * that could not be completed is stored as the row's error, with the figures of the last one left alone.
 * @throws the reason of `signal` once it aborts, and what has nothing to do with this subfolder: the state store, the queue
 */
export async function checkSubfolder(
  context: CheckContext,
  dirKey: string,
  onDifference: (difference: Difference) => void | Promise<void>,
  signal: AbortSignal,
): Promise<CheckResult> {
  const lease = await context.stateStore.startSyncCheck(dirKey, context.owner, context.leaseMs);
  if (lease === undefined) return { status: 'busy' };
  let held = Promise.resolve();
  const extender = setInterval(() => {
    held = held.then(async () => void (await context.stateStore.extendSubfolderLease(lease, context.leaseMs)));
    // A lease that could not be extended shows at the end, where the guarded update tells.
    held = held.catch(() => undefined);
  }, context.leaseMs / 3);
  try {
    const figures = await compareSubfolder(context, dirKey, onDifference, signal);
    await held;
    return (await context.stateStore.finishSyncCheck(lease, { figures }))
      ? { status: 'checked', figures }
      : { status: 'lost' };
  } catch (error) {
    if (signal.aborted || !isAboutListing(error)) {
      // Nothing was found out about the subfolder: its row stays what it was.
      await context.stateStore.releaseSyncCheck(lease);
      throw error;
    }
    const { code, message } = describeError(error);
    await context.stateStore.finishSyncCheck(lease, { error: `${code}: ${message}` });
    return { status: 'failed', error };
  } finally {
    clearInterval(extender);
  }
}

function isAboutListing(error: unknown): boolean {
  return error instanceof SourceError || error instanceof DestinationError || error instanceof ConfigurationError;
}
