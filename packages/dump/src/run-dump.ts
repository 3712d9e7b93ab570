import type { StateStore } from '@object-transfer/core/ports/state-store';
import { findSubfolders, type SubfolderSource } from './find-subfolders.ts';

type SubfolderStore = Pick<StateStore, 'addSubfolders' | 'countNewSubfolders'>;

export interface DumpOptions extends SubfolderSource {
  readonly store: SubfolderStore;
  /** Counts what would be new and writes nothing. */
  readonly dryRun: boolean;
}

export interface DumpResult {
  /** Rows asked for: the subfolders found, and the root. */
  readonly listed: number;
  /** Of these, added by this dump or, in a dry run, to be added. */
  readonly new: number;
  /** Of these, there already and left alone. */
  readonly known: number;
}

/**
 * Adds the subfolders of the root to the state table, those that are not there yet. All are found before the first is
 * added, and added all or none: a listing that fails half-way leaves the table as it was.
 * @throws SourceError where the listing fails, ConfigurationError where the dump file is wrong or its subfolders overlap
 *   with others, StateError where storing fails
 */
export async function runDump(options: DumpOptions): Promise<DumpResult> {
  const dirKeys = await findSubfolders(options);
  options.signal.throwIfAborted();
  return loadSubfolders(options.store, dirKeys, options.dryRun);
}

/** The second half of {@link runDump}, for callers that open a store only when every name has been found. */
export async function loadSubfolders(
  store: SubfolderStore,
  dirKeys: readonly string[],
  dryRun: boolean,
): Promise<DumpResult> {
  const added = dryRun ? await store.countNewSubfolders(dirKeys) : await store.addSubfolders(dirKeys);
  return { listed: dirKeys.length, new: added, known: dirKeys.length - added };
}
