import type { StateStore, SubfolderReset } from '@object-transfer/core/ports/state-store';
import { selectSubfolders, type SubfolderSelection } from './select-subfolders.ts';

export interface ResetOptions {
  readonly store: Pick<StateStore, 'listSubfolders' | 'resetSubfolders'>;
  readonly reset: SubfolderReset;
  readonly selection: SubfolderSelection;
  readonly signal: AbortSignal;
}

/**
 * Makes the selected rows due again, page by page: what is broken off is done again by the same command.
 * @returns how many rows
 * @throws the reason of the signal
 */
export async function resetSelected({ store, reset, selection, signal }: ResetOptions): Promise<number> {
  let rows = 0;
  for await (const dirKeys of selectSubfolders(store, selection)) {
    signal.throwIfAborted();
    rows += await store.resetSubfolders(reset, dirKeys);
  }
  return rows;
}

/** How many rows {@link resetSelected} would reset. @throws the reason of the signal */
export async function countSelected({
  store,
  selection,
  signal,
}: Pick<ResetOptions, 'selection' | 'signal'> & {
  readonly store: Pick<StateStore, 'listSubfolders'>;
}): Promise<number> {
  let rows = 0;
  for await (const dirKeys of selectSubfolders(store, selection)) {
    signal.throwIfAborted();
    rows += dirKeys.length;
  }
  return rows;
}
