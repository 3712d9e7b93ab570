import type { FetchedPage } from './prefetch-pages.ts';
import type { ReadAheadBudget } from './read-ahead-budget.ts';

/** What is to be listed by several streams. */
export interface SegmentedListing<Item, Cursor> {
  /** What all keys begin with. */
  readonly prefix: string;
  /** Ends of the whole, in the meaning of {@link KeyRange}. */
  readonly range: KeyRange;
  /** Largest number of requests at a time; 1 lists page by page. */
  readonly streams: number;
  /** Shared by all listings of one lister; see {@link readAheadBudget}. */
  readonly budget: ReadAheadBudget;
  /**
   * Gets the range as it was when its first page was asked for, and `undefined` for that page. Pages may reach beyond the end
   * of the range.
   */
  fetchPage(
    range: KeyRange,
    cursor: Cursor | undefined,
    signal: AbortSignal,
  ): Promise<FetchedPage<ObjectPage<Item>, Cursor>>;
  keyOf(item: Item): string;
  /** Which of two ranges that meet has the key at which they do. */
  readonly keyAtBoundary: 'in the lower range' | 'in the upper range';
  readonly signal: AbortSignal;
}

/** What listings of both services come in. */
export interface ObjectPage<Item> {
  readonly objects: readonly Item[];
  readonly commonPrefixes: readonly string[];
}

/** `undefined`: open. Whether the ends belong to it is the service's matter: {@link SegmentedListing.keyAtBoundary}. */
export interface KeyRange {
  readonly start: string | undefined;
  readonly end: string | undefined;
}
