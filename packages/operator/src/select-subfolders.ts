import { createDirMatcher } from '@object-transfer/core/domain/dir-glob';
import type { StateStore } from '@object-transfer/core/ports/state-store';

/** Which rows: these, those that a glob matches, or all. */
export type SubfolderSelection =
  | { readonly dirKeys: readonly string[] }
  | { readonly globs: readonly string[] }
  | 'all';

/** Rows read at a time. */
const PAGE_ROWS = 1_000;

/** The keys of the selected rows, in pages: memory does not grow with the table. */
export async function* selectSubfolders(
  store: Pick<StateStore, 'listSubfolders'>,
  selection: SubfolderSelection,
): AsyncGenerator<readonly string[]> {
  if (selection !== 'all' && 'dirKeys' in selection) {
    yield selection.dirKeys;
    return;
  }
  const isSelected = selection === 'all' ? () => true : createDirMatcher(selection.globs);
  for (let after: string | undefined; ;) {
    const rows = await store.listSubfolders(after, PAGE_ROWS);
    const selected = rows.map(({ dirKey }) => dirKey).filter(isSelected);
    if (selected.length > 0) yield selected;
    if (rows.length < PAGE_ROWS) return;
    after = rows.at(-1)?.dirKey;
  }
}
