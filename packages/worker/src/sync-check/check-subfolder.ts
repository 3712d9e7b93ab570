import { describeError } from '@object-transfer/core/domain/classify-error';
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
  /** A check or a repair of this subfolder is going on elsewhere, or its lease was lost on the way. */
  | { readonly status: 'busy' }
  | { readonly status: 'failed'; readonly error: unknown };

/**
 * Compares one subfolder and stores what was found in its row: the seed's start and end of a sync check. A comparison
 * that could not be completed is stored as the row's error, with the figures of the last one left alone.
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
      : { status: 'busy' };
  } catch (error) {
    const { code, message } = describeError(error);
    await context.stateStore.finishSyncCheck(lease, { error: `${code}: ${message}` });
    return { status: 'failed', error };
  } finally {
    clearInterval(extender);
  }
}
