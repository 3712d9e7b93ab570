import { describeError } from '@object-transfer/core/domain/classify-error';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { CheckFigures } from '@object-transfer/core/domain/subfolder';
import type { ObjectErrorRecord, StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';
import type { TransferContext, TransferOutcome } from '../cdn-transfer/transfer-context.ts';
import { transferObject } from '../cdn-transfer/transfer-object.ts';
import { compareSubfolder, type CompareContext, type Difference } from '../sync-check/compare-subfolder.ts';

export interface TransferDifferencesContext {
  readonly comparison: CompareContext;
  readonly transfer: TransferContext;
  readonly stateStore: Pick<StateStore, 'recordObjectErrors'>;
  readonly onOutcome: (outcome: TransferOutcome) => void;
}

/** What a pass over one subfolder found and did. */
export interface TransferredDifferences {
  /** What the comparison found, before anything was transferred. */
  readonly figures: CheckFigures;
  /** Transfers that were begun. */
  readonly attempted: number;
  /** What only the destination has, as far as it was asked for. */
  readonly extras: readonly DestinationObject[];
}

/** Transfers waiting or under way at a time: more than their own limit lets through, and no more memory than that. */
const MAX_PENDING = 256;
/** Errors stored at a time. */
const RECORD_BATCH = 100;

/**
 * Compares a subfolder and transfers what is missing or different while the comparison goes on. Memory does not depend on
 * the size of the subfolder.
 * @param lease of the subfolder
 * @param maxExtras how many of the objects that only the destination has are returned
 * @throws SourceError or DestinationError of a listing that could not be completed: then there are no extras, as nobody
 *   knows which they are; StateError `STATE_LEASE_LOST` before any further error is stored; the reason of `signal`
 */
export async function transferDifferences(
  context: TransferDifferencesContext,
  lease: SubfolderLease,
  maxExtras: number,
  signal: AbortSignal,
): Promise<TransferredDifferences> {
  const { dirKey } = lease;
  const pending = new Set<Promise<void>>();
  let onRoom: (() => void) | undefined;
  const failures: ObjectErrorRecord[] = [];
  const extras: DestinationObject[] = [];
  let attempted = 0;
  const transferAndNote = async (difference: Exclude<Difference, { kind: 'extra' }>): Promise<void> => {
    const outcome = await transferOne(context, difference, signal);
    context.onOutcome(outcome);
    if (outcome.status !== 'failed') return;
    const { code, message } = describeError(outcome.error);
    failures.push({ dirKey, key: difference.source.key, code, message, attempts: 1 });
  };
  const begin = (difference: Exclude<Difference, { kind: 'extra' }>): void => {
    attempted++;
    // Whoever waits for all of them learns of an abort.
    const settled = transferAndNote(difference)
      .catch(() => undefined)
      .finally(() => {
        pending.delete(settled);
        onRoom?.();
      });
    pending.add(settled);
  };
  // Not a race of all that are pending: a slow one among them would remember each of the races.
  const roomForOne = async (): Promise<void> => {
    if (pending.size < MAX_PENDING) return;
    await new Promise<void>((resolve) => {
      onRoom = resolve;
    });
  };
  const record = async (): Promise<void> => {
    await context.stateStore.recordObjectErrors(failures.splice(0), lease);
  };
  try {
    const figures = await compareSubfolder(
      context.comparison,
      dirKey,
      async (difference) => {
        if (difference.kind === 'extra') {
          if (extras.length < maxExtras) extras.push(difference.found);
          return;
        }
        await roomForOne();
        signal.throwIfAborted();
        if (failures.length >= RECORD_BATCH) await record();
        begin(difference);
      },
      signal,
    );
    await Promise.all(pending);
    signal.throwIfAborted();
    return { figures, attempted, extras };
  } finally {
    // What was begun ends before the row is given back, also where the listing broke off.
    await Promise.all(pending);
    if (!signal.aborted) await record();
  }
}

/** Never rejects but for the reason of `signal`. */
async function transferOne(
  { transfer }: TransferDifferencesContext,
  difference: Exclude<Difference, { kind: 'extra' }>,
  signal: AbortSignal,
): Promise<TransferOutcome> {
  const { source } = difference;
  const found: ReadonlyMap<string, DestinationObject> =
    difference.kind === 'missing' ? new Map() : new Map([[difference.found.name, difference.found]]);
  return transferObject(transfer, { key: source.key, expected: source }, found, signal);
}
