import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import { compareUtf8, destinationName, type KeyMappingSettings } from '@object-transfer/core/domain/key-mapping';
import { nameViolation } from '@object-transfer/core/domain/object-name-rules';
import type { SourceObject } from '@object-transfer/core/domain/source-object';

/** What the two listings have under one name: at least one of them has something. */
export type ListedPair =
  | { readonly source: SourceObject; readonly found: DestinationObject | undefined }
  | { readonly source: undefined; readonly found: DestinationObject };

interface Page<T> {
  readonly objects: readonly T[];
}

/**
 * Walks two listings in step, in the byte order of the destination's names, holding one page of each. A source object
 * whose name GCS forbids has no place in the destination's order and comes without a counterpart.
 */
export async function* mergeListings(
  mapping: KeyMappingSettings,
  sourcePages: AsyncIterable<Page<SourceObject>>,
  destinationPages: AsyncIterable<Page<DestinationObject>>,
): AsyncGenerator<ListedPair, void, undefined> {
  const sources = new PageCursor(sourcePages);
  const destinations = new PageCursor(destinationPages);
  try {
    let source = await sources.next();
    let found = await destinations.next();
    for (;;) {
      if (source === undefined) {
        if (found === undefined) return;
        yield { source: undefined, found };
        found = await destinations.next();
        continue;
      }
      const name = destinationName(mapping, source.key);
      const order = found === undefined || nameViolation(name) !== undefined ? -1 : compareUtf8(name, found.name);
      if (order > 0 && found !== undefined) {
        yield { source: undefined, found };
        found = await destinations.next();
        continue;
      }
      yield { source, found: order === 0 ? found : undefined };
      source = await sources.next();
      if (order === 0) found = await destinations.next();
    }
  } finally {
    await Promise.all([sources.close(), destinations.close()]);
  }
}

/** Goes through pages object by object; waits only where a page ends. */
class PageCursor<T> {
  readonly #pages: AsyncIterator<Page<T>>;
  #objects: readonly T[] = [];
  #index = 0;

  constructor(pages: AsyncIterable<Page<T>>) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  /** @returns `undefined` at the end */
  next(): T | undefined | Promise<T | undefined> {
    return this.#index < this.#objects.length ? this.#objects[this.#index++] : this.#nextPage();
  }

  async #nextPage(): Promise<T | undefined> {
    do {
      const page = await this.#pages.next();
      if (page.done === true) return undefined;
      this.#objects = page.value.objects;
      this.#index = 0;
    } while (this.#objects.length === 0);
    return this.#objects[this.#index++];
  }

  async close(): Promise<void> {
    await this.#pages.return?.();
  }
}
