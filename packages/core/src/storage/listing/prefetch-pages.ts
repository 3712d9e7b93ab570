/** A page and what leads to the next one. */
export interface FetchedPage<Page, Cursor> {
  readonly page: Page;
  /** `undefined` on the last page. */
  readonly next: Cursor | undefined;
}

/**
 * Walks through pages, asking for the next one while the current one is used: one page ahead, never more.
 * @param fetchPage gets `undefined` for the first page; its error surfaces where its page would have come
 */
export async function* prefetchPages<Page, Cursor>(
  fetchPage: (cursor: Cursor | undefined, signal: AbortSignal) => Promise<FetchedPage<Page, Cursor>>,
  signal: AbortSignal,
): AsyncGenerator<Page, void, undefined> {
  const leaving = new AbortController();
  const either = AbortSignal.any([signal, leaving.signal]);
  try {
    let pending: Promise<FetchedPage<Page, Cursor>> | undefined = fetchPage(undefined, either);
    while (pending !== undefined) {
      const { page, next }: FetchedPage<Page, Cursor> = await pending;
      pending = next === undefined ? undefined : fetchPage(next, either);
      // It is awaited once the consumer is done with this page; a consumer who leaves instead has no use for its error.
      pending?.catch(() => undefined);
      yield page;
    }
  } finally {
    leaving.abort();
  }
}
