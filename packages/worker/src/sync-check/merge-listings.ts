import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import { compareUtf8, destinationName, type KeyMappingSettings } from '@object-transfer/core/domain/key-mapping';
import { nameViolation } from '@object-transfer/core/domain/object-name-rules';
import type { SourceObject } from '@object-transfer/core/domain/source-object';

/** What the two listings have under one name: at least one of them has something. */
export type ListedPair =
  | {
      readonly source: SourceObject;
      readonly found: DestinationObject | undefined;
      /** GCS forbids the name that the source object would have. */
      readonly isForbidden: boolean;
    }
  | { readonly source: undefined; readonly found: DestinationObject; readonly isForbidden: false };

interface Page<T> {
  readonly objects: readonly T[];
}

/**
 * Walks two listings in step, in the byte order of the destination's names, holding one page of each. A source object
 * whose name GCS forbids has no place in the destination's order and comes without a counterpart.
 *
 * Pairs come in batches, as far as the pages at hand reach: a promise for each would cost as much as the comparison itself.
 */
export async function* mergeListings(
  mapping: KeyMappingSettings,
  sourcePages: AsyncIterable<Page<SourceObject>>,
  destinationPages: AsyncIterable<Page<DestinationObject>>,
): AsyncGenerator<readonly ListedPair[], void, undefined> {
  const sources = new PageCursor(sourcePages);
  const destinations = new PageCursor(destinationPages);
  try {
    for (;;) {
      await loadBoth(sources, destinations);
      if (sources.isAtEnd && destinations.isAtEnd) return;
      yield pairUp(mapping, sources, destinations);
    }
  } finally {
    await Promise.all([sources.close(), destinations.close()]);
  }
}

/** Both wait for their pages at the same time. Neither is left waiting when the other fails: it could not be closed. */
async function loadBoth(sources: PageCursor<SourceObject>, destinations: PageCursor<DestinationObject>): Promise<void> {
  if (!sources.isUsedUp && !destinations.isUsedUp) return;
  const loads = await Promise.allSettled([sources.load(), destinations.load()]);
  for (const load of loads) if (load.status === 'rejected') throw load.reason;
}

/** Takes pairs until one of the pages is used up; an end is no page. */
function pairUp(
  mapping: KeyMappingSettings,
  sources: PageCursor<SourceObject>,
  destinations: PageCursor<DestinationObject>,
): ListedPair[] {
  const pairs: ListedPair[] = [];
  while (!sources.isUsedUp && !destinations.isUsedUp) {
    const source = sources.current;
    const found = destinations.current;
    if (source === undefined) {
      if (found === undefined) break;
      pairs.push({ source, found, isForbidden: false });
      destinations.advance();
      continue;
    }
    const name = destinationName(mapping, source.key);
    const isForbidden = nameViolation(name) !== undefined;
    const order = found === undefined || isForbidden ? -1 : compareUtf8(name, found.name);
    if (order > 0 && found !== undefined) {
      pairs.push({ source: undefined, found, isForbidden: false });
    } else {
      pairs.push({ source, found: order === 0 ? found : undefined, isForbidden });
      sources.advance();
    }
    if (order >= 0) destinations.advance();
  }
  return pairs;
}

/** Goes through pages object by object. */
class PageCursor<T> {
  readonly #pages: AsyncIterator<Page<T>>;
  #objects: readonly T[] = [];
  #index = 0;
  #isAtEnd = false;

  constructor(pages: AsyncIterable<Page<T>>) {
    this.#pages = pages[Symbol.asyncIterator]();
  }

  /** `undefined` where the page is used up, and at the end. */
  get current(): T | undefined {
    return this.#objects[this.#index];
  }

  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** True when {@link load} has to be waited for. */
  get isUsedUp(): boolean {
    return this.#index >= this.#objects.length && !this.#isAtEnd;
  }

  advance(): void {
    this.#index++;
  }

  /** Gets the next page that has objects, where the current one is used up. */
  async load(): Promise<void> {
    while (this.isUsedUp) {
      const page = await this.#pages.next();
      this.#isAtEnd = page.done === true;
      this.#objects = page.done === true ? [] : page.value.objects;
      this.#index = 0;
    }
  }

  async close(): Promise<void> {
    await this.#pages.return?.();
  }
}
