import type { Subfolder } from '@object-transfer/core/domain/subfolder';
import type { StateStore, SubfolderReset } from '@object-transfer/core/ports/state-store';
import { requireSubfolder } from './dir-key.ts';
import { refuseWhileLive } from './refuse-while-live.ts';

export interface AbandonSubfolderOptions {
  readonly store: Pick<StateStore, 'getSubfolder' | 'abandonSubfolder' | 'listRuns' | 'now'>;
  /** As the operator names it. */
  readonly dir: string;
  /** Also while something lives that may be at work on it: it finds its lease gone, and stores nothing. */
  readonly force: boolean;
}

/**
 * Frees a subfolder at once, which otherwise happens when the lease of a dead process runs out; a mark that the reference
 * tool has left has no lease and stays until then.
 * @returns its `dir_key`, and whether somebody had it
 * @throws ConfigurationError `CONFIG_INVALID` where there is no such row; StateError `STATE_RUN_ACTIVE` where something
 *   lives that may be at work on it
 */
export async function abandonSubfolder({
  store,
  dir,
  force,
}: AbandonSubfolderOptions): Promise<{ readonly dirKey: string; readonly wasHeld: boolean }> {
  const row = await requireSubfolder(store, dir);
  const { dirKey } = row;
  if (!force) await refuseWhileLive(store, holdersOf(row), `${JSON.stringify(dirKey)} cannot be abandoned`);
  return { dirKey, wasHeld: await store.abandonSubfolder(dirKey) };
}

/** Its marks tell who may be at work on it; without a mark, it is a publisher, of whatever. */
function holdersOf(row: Subfolder): readonly SubfolderReset[] {
  if (row.syncCheckInProgress) return ['syncCheck'];
  if (row.rsyncInProgress) return ['rsync'];
  return ['objects', 'syncCheck', 'rsync'];
}
