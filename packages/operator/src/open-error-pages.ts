import type { OpenObjectError, OpenObjectErrorFilter, StateStore } from '@object-transfer/core/ports/state-store';

/** Errors read at a time. */
const PAGE_ERRORS = 500;

export type ErrorSelection = Pick<OpenObjectErrorFilter, 'dirKey' | 'code'>;

/** Open errors in the order of their keys, in pages: memory does not grow with their number. */
export async function* openErrorPages(
  store: Pick<StateStore, 'listOpenObjectErrors'>,
  selection: ErrorSelection,
  pageErrors = PAGE_ERRORS,
): AsyncGenerator<readonly OpenObjectError[]> {
  for (let afterKey: string | undefined; ;) {
    const read = await store.listOpenObjectErrors({ ...selection, afterKey, limit: pageErrors });
    const page = read.length < pageErrors ? read : withoutLastKey(read);
    if (page.length > 0) yield page;
    if (read.length < pageErrors) return;
    afterKey = page.at(-1)?.key;
  }
}

/** A key may have an error in several subfolders: where the page is full, the next one begins with all of its last key. */
function withoutLastKey(read: readonly OpenObjectError[]): readonly OpenObjectError[] {
  const whole = read.filter(({ key }) => key !== read.at(-1)?.key);
  return whole.length > 0 ? whole : read;
}
