import type { Subfolder } from '@object-transfer/core/domain/subfolder';
import type { StateStore } from '@object-transfer/core/ports/state-store';

const ROWS_PER_PAGE = 500;

/** Every row of the state, in byte order, a page in memory at a time. */
export async function* eachSubfolder(
  stateStore: Pick<StateStore, 'listSubfolders'>,
): AsyncGenerator<Subfolder, void, undefined> {
  let after: string | undefined;
  for (;;) {
    const rows = await stateStore.listSubfolders(after, ROWS_PER_PAGE);
    if (rows.length === 0) return;
    yield* rows;
    after = rows.at(-1)?.dirKey;
  }
}
