import { describeError } from '@object-transfer/core/domain/classify-error';
import { ObjectTransferError, ServiceError, StateError, StoppedError } from '@object-transfer/core/domain/errors';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import type { StateStore, SubfolderLease, WorkOutcome } from '@object-transfer/core/ports/state-store';
import { LeaseKeeper } from '@object-transfer/core/runtime/lease-keeper';

export interface SubfolderWorkContext {
  readonly stateStore: StateStore;
  /** Who works: a process id. */
  readonly owner: string;
  readonly leaseMs: number;
}

/** How a row is marked, and how that ends: a comparison or a repair. */
export interface SubfolderWork {
  start(dirKey: string): Promise<SubfolderLease | undefined>;
  finish(lease: SubfolderLease, outcome: WorkOutcome): Promise<boolean>;
  release(lease: SubfolderLease): Promise<boolean>;
}

export type WorkResult =
  | { readonly status: 'done'; readonly figures: CheckFigures }
  /** A comparison or a repair of this subfolder is going on elsewhere. */
  | { readonly status: 'busy' }
  /** Somebody else took it over on the way: what was found is not stored. */
  | { readonly status: 'lost' }
  | { readonly status: 'failed'; readonly error: Error };

/**
 * Works on one subfolder under the lease of its row, and stores in the row what was found, or why it could not be.
 * @param act gets a signal that also aborts where the lease is lost, and the lease that the work began with
 * @param storesFailure says of an error whether the row gets it; otherwise the row stays as it was, to be tried again
 * @throws the reason of `signal` once it aborts, and what has nothing to do with this subfolder: the state store, the queue
 */
export async function workOnSubfolder(
  context: SubfolderWorkContext,
  work: SubfolderWork,
  dirKey: string,
  act: (signal: AbortSignal, lease: SubfolderLease) => Promise<CheckFigures>,
  signal: AbortSignal,
  storesFailure: (error: Error) => boolean = () => true,
): Promise<WorkResult> {
  const lease = await work.start(dirKey);
  if (lease === undefined) return { status: 'busy' };
  const { stateStore, leaseMs } = context;
  const keeper = new LeaseKeeper(stateStore, lease, leaseMs, signal);
  try {
    const figures = await act(keeper.signal, lease);
    await keeper.stop();
    return (await work.finish(keeper.lease, { figures })) ? { status: 'done', figures } : { status: 'lost' };
  } catch (error) {
    await keeper.stop();
    if (isLost(keeper.signal.reason) || isLost(error)) return { status: 'lost' };
    if (signal.aborted || !isAboutSubfolder(error)) {
      // Nothing was found out about the subfolder: its row stays what it was.
      await work.release(keeper.lease);
      throw error;
    }
    const { code, message } = describeError(error);
    await (storesFailure(error)
      ? work.finish(keeper.lease, { error: `${code}: ${message}` })
      : work.release(keeper.lease));
    return { status: 'failed', error };
  } finally {
    await keeper.stop();
  }
}

/** When work began, by the state's clock. @param lease that it began with */
export function beginningOf({ expiresAt }: SubfolderLease, leaseMs: number): Date {
  return new Date(expiresAt.getTime() - leaseMs);
}

function isLost(reason: unknown): boolean {
  return reason instanceof StateError && reason.code === 'STATE_LEASE_LOST';
}

/** Listings, objects and buckets; what is wrong with the state or the queue is wrong for all subfolders. */
function isAboutSubfolder(error: unknown): error is Error {
  return (
    error instanceof ObjectTransferError &&
    !(error instanceof StateError) &&
    !(error instanceof ServiceError) &&
    !(error instanceof StoppedError)
  );
}
