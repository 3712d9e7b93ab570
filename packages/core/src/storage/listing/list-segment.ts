import { compareUtf8 } from '../../domain/key-mapping.ts';
import { KeyScale } from './key-scale.ts';
import type { KeyRange, ObjectPage, SegmentedListing } from './segmented-listing.ts';

/** Keys of each page, evenly spaced from its first, that are remembered. */
const SAMPLE_KEYS_PER_PAGE = 8;
/** A scale is made of the last pages, no more than so many. */
const SAMPLE_PAGES = 4;

/** A stretch of a listing: pages that have come and were not taken yet, and where to go on. */
export class ListSegment<Item, Cursor> {
  readonly start: string | undefined;
  readonly #listing: SegmentedListing<Item, Cursor>;
  readonly #signal: AbortSignal;
  #end: string | undefined;
  /** The range that its pages are asked for with: its end may have been drawn in since. `undefined` until it is opened. */
  #asked: KeyRange | undefined;
  #cursor: Cursor | undefined;
  #lastKey: string | undefined;
  #pages: ObjectPage<Item>[] = [];
  #samples: string[][] = [];
  /** Made when it is asked for: it costs 0.2 ms. */
  #scale: { readonly ofPages: KeyScale | undefined } | undefined;
  #arrival: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isExhausted = false;

  constructor(listing: SegmentedListing<Item, Cursor>, range: KeyRange, signal: AbortSignal) {
    this.#listing = listing;
    this.#signal = signal;
    this.start = range.start;
    this.#end = range.end;
  }

  get end(): string | undefined {
    return this.#end;
  }

  /** All keys of its own that have come were before this one. */
  get lastKey(): string | undefined {
    return this.#lastKey;
  }

  get pagesReady(): number {
    return this.#pages.length;
  }

  /** True once a page was asked for. */
  get isOpen(): boolean {
    return this.#asked !== undefined;
  }

  get isFetching(): boolean {
    return this.#arrival !== undefined;
  }

  /** True when no page will come any more. */
  get isExhausted(): boolean {
    return this.#isExhausted;
  }

  /** Resolves when the page under way has come or failed. */
  get arrival(): Promise<void> {
    return this.#arrival ?? Promise.resolve();
  }

  /**
   * The next page, where it is there.
   * @throws what it failed with
   */
  takePage(): ObjectPage<Item> | undefined {
    if (this.#pages.length === 0 && this.#failure !== undefined) throw this.#failure.error;
    return this.#pages.shift();
  }

  /**
   * Asks for the next page, unless one is under way, there is none, or one has failed.
   * @param onArrival told how much of the page was asked for in vain, from 0 to 1
   */
  fetch(onArrival: (wasted: number) => void): void {
    if (this.#isExhausted || this.#arrival !== undefined || this.#failure !== undefined) return;
    this.#asked ??= { start: this.start, end: this.#end };
    this.#arrival = this.#settle(this.#asked, onArrival);
  }

  /** Ends this segment at a key behind all that have come. @returns what follows it */
  splitAt(key: string): ListSegment<Item, Cursor> {
    const rest = new ListSegment(this.#listing, { start: key, end: this.#end }, this.#signal);
    this.#end = key;
    return rest;
  }

  /** Forgets what has come: it is as before the first page. Not while a page is under way. */
  close(): void {
    this.#asked = undefined;
    this.#cursor = undefined;
    this.#lastKey = undefined;
    this.#pages = [];
    this.#samples = [];
    this.#scale = undefined;
    this.#failure = undefined;
    this.#isExhausted = false;
  }

  /** How many pages {@link scale} is made of. */
  get pagesSampled(): number {
    return this.#samples.length;
  }

  /** How dense the keys of its last pages are; `undefined` where they do not tell. */
  scale(): KeyScale | undefined {
    this.#scale ??= { ofPages: this.#measure() };
    return this.#scale.ofPages;
  }

  #measure(): KeyScale | undefined {
    if (this.#lastKey === undefined) return undefined;
    return KeyScale.of(this.#listing.prefix, [...this.#samples.flat(), this.#lastKey], this.#samples.length);
  }

  /** Never rejects: what failed is thrown where the page would have come. */
  async #settle(asked: KeyRange, onArrival: (wasted: number) => void): Promise<void> {
    let wasted: number;
    try {
      wasted = await this.#fetchPage(asked);
    } catch (error) {
      this.#failure = { error };
      return;
    } finally {
      this.#arrival = undefined;
    }
    onArrival(wasted);
  }

  async #fetchPage(asked: KeyRange): Promise<number> {
    const { page, next } = await this.#listing.fetchPage(asked, this.#cursor, this.#signal);
    const { objects } = page;
    const last = objects.at(-1);
    this.#cursor = next;
    if (last === undefined) {
      this.#accept(page);
      // Nothing where the listing was split: it is over already, the guess was too far.
      return asked.start === this.#listing.range.start ? 0 : 1;
    }
    const lastKey = this.#listing.keyOf(last);
    const end = this.#end;
    if (end === undefined || compareUtf8(lastKey, end) < 0) {
      this.#lastKey = lastKey;
      if (this.#listing.streams > 1) this.#remember(objects);
      this.#accept(page);
      return 0;
    }
    const kept = this.#countBefore(objects, end);
    if (kept > 0) this.#pages.push(kept === objects.length ? page : { ...page, objects: objects.slice(0, kept) });
    this.#isExhausted = true;
    return 1 - kept / objects.length;
  }

  #accept(page: ObjectPage<Item>): void {
    this.#pages.push(page);
    this.#isExhausted = this.#cursor === undefined;
  }

  /** How many objects of a page belong to this segment: it has its end among them. */
  #countBefore(page: readonly Item[], end: string): number {
    const listing = this.#listing;
    const isOutside = (order: number) => (listing.keyAtBoundary === 'in the lower range' ? order > 0 : order >= 0);
    let low = 0;
    let high = page.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const item = page[middle];
      if (item === undefined || isOutside(compareUtf8(listing.keyOf(item), end))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #remember(objects: readonly Item[]): void {
    const sample: string[] = [];
    for (let i = 0; i < SAMPLE_KEYS_PER_PAGE; i++) {
      const item = objects[Math.floor((i * objects.length) / SAMPLE_KEYS_PER_PAGE)];
      if (item !== undefined) sample.push(copyOf(this.#listing.keyOf(item)));
    }
    this.#scale = undefined;
    this.#samples.push(sample);
    if (this.#samples.length > SAMPLE_PAGES) this.#samples.shift();
  }
}

/** A key may be a slice that keeps the text of its whole page in memory; its copy is not. */
function copyOf(key: string): string {
  return Buffer.from(key).toString();
}
