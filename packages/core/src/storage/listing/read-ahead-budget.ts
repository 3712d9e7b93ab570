/**
 * Pages that the listings of one lister may hold, all together. A listing takes what its first stream needs in any case, and
 * more streams only while there is room: a process that lists many folders at a time keeps its memory, and has streams enough.
 */
export class ReadAheadBudget {
  readonly #maxPages: number;
  #pages = 0;

  constructor(maxPages: number) {
    this.#maxPages = maxPages;
  }

  hasRoomFor(pages: number): boolean {
    return this.#pages + pages <= this.#maxPages;
  }

  /** Takes pages, or gives them back where the number is negative. */
  take(pages: number): void {
    this.#pages += pages;
  }
}
