import type { ContentSource, ContentStore, KeyCursor, StoredObject } from './content-store.ts';
import { MemoryContent } from './memory-content.ts';
import { compareUtf8 } from './utf8-order.ts';

/** Read-only sources, the first that knows a key wins, under a layer in memory that takes writes and deletions. */
export class LayeredContent implements ContentStore {
  readonly #written = new MemoryContent();
  readonly #deleted = new Set<string>();
  readonly #sources: readonly ContentSource[];

  constructor(sources: readonly ContentSource[]) {
    this.#sources = sources;
  }

  stat(key: string): StoredObject | undefined | Promise<StoredObject | undefined> {
    const written = this.#written.stat(key);
    if (written !== undefined || this.#deleted.has(key)) return written;
    const [only] = this.#sources;
    if (this.#sources.length <= 1) return only?.stat(key);
    return this.#statBelow(key);
  }

  async #statBelow(key: string): Promise<StoredObject | undefined> {
    for (const source of this.#sources) {
      const object = await source.stat(key);
      if (object !== undefined) return object;
    }
    return undefined;
  }

  put(key: string, object: StoredObject): void {
    this.#written.put(key, object);
  }

  delete(key: string): void {
    this.#written.delete(key);
    if (this.#sources.length > 0) this.#deleted.add(key);
  }

  cursor(from: string): KeyCursor {
    const [only] = this.#sources;
    if (only === undefined) return this.#written.cursor(from);
    if (this.#sources.length === 1 && this.#written.size === 0 && this.#deleted.size === 0) return only.cursor(from);
    const below = this.#sources.map((source) => source.cursor(from));
    return new MergedCursor(this.#written.cursor(from), below, this.#deleted);
  }
}

class MergedCursor implements KeyCursor {
  readonly #top: KeyCursor;
  readonly #cursors: readonly KeyCursor[];
  readonly #deleted: ReadonlySet<string>;
  #current: KeyCursor | undefined;

  constructor(top: KeyCursor, below: readonly KeyCursor[], deleted: ReadonlySet<string>) {
    this.#top = top;
    this.#cursors = [top, ...below];
    this.#deleted = deleted;
    this.#settle();
  }

  get key(): string | undefined {
    return this.#current?.key;
  }

  advance(): void {
    this.#step();
    this.#settle();
  }

  seek(from: string): void {
    for (const cursor of this.#cursors) cursor.seek(from);
    this.#settle();
  }

  stat(): StoredObject | undefined | Promise<StoredObject | undefined> {
    return this.#current?.stat();
  }

  /** Moves every cursor that stands on the current key. */
  #step(): void {
    const { key } = this;
    for (const cursor of this.#cursors) if (cursor.key === key) cursor.advance();
  }

  /** Finds the lowest key; where several cursors stand on it, the first of them. Passes over deleted keys. */
  #settle(): void {
    for (;;) {
      let lowest: KeyCursor | undefined;
      for (const cursor of this.#cursors) {
        if (cursor.key === undefined) continue;
        if (lowest?.key === undefined || compareUtf8(cursor.key, lowest.key) < 0) lowest = cursor;
      }
      this.#current = lowest;
      if (lowest?.key === undefined || lowest === this.#top || !this.#deleted.has(lowest.key)) return;
      this.#step();
    }
  }
}
