import { setImmediate as turn } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareUtf8 } from '../../domain/key-mapping.ts';
import { listInSegments, readAheadBudget, PAGES_BEFORE_SPLITTING, PAGES_PER_SEGMENT } from './list-in-segments.ts';
import type { ObjectPage, SegmentedListing } from './segmented-listing.ts';

type Boundary = SegmentedListing<string, string>['keyAtBoundary'];
const BOUNDARIES: readonly Boundary[] = ['in the lower range', 'in the upper range'];
const PREFIX = 'p/';

/** A service that lists ranges of keys, as S3 (`start-after`, no end) or as GCS (`startOffset`, `endOffset`) does. */
class RangeService {
  readonly keys: readonly string[];
  readonly #boundary: Boundary;
  readonly #pageSize: number;
  readonly starts: (string | undefined)[] = [];
  requests = 0;
  underWay = 0;
  mostUnderWay = 0;
  /** Turns of the event loop that a request takes. */
  turns: (request: number) => number = () => 1;
  /** May throw. */
  beforePage: (keys: readonly string[], request: number) => void = () => undefined;

  constructor(keys: Iterable<string>, boundary: Boundary, pageSize: number) {
    this.keys = [...new Set(keys)].toSorted(compareUtf8);
    this.#boundary = boundary;
    this.#pageSize = pageSize;
  }

  get pages(): number {
    return Math.max(1, Math.ceil(this.keys.length / this.#pageSize));
  }

  list(
    streams: number,
    signal = new AbortController().signal,
    budget = readAheadBudget(streams),
  ): AsyncGenerator<ObjectPage<string>, void, undefined> {
    return listInSegments<string, string>({
      prefix: PREFIX,
      range: { start: undefined, end: undefined },
      streams,
      budget,
      fetchPage: async ({ start, end }, cursor, requestSignal) => {
        const request = this.requests++;
        if (cursor === undefined) this.starts.push(start);
        this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
        try {
          for (let turns = this.turns(request); turns > 0; turns--) await turn(undefined, { signal: requestSignal });
        } finally {
          this.underWay--;
        }
        const { page, next } = this.#page(start, end, cursor);
        this.beforePage(page, request);
        return { page: { objects: page, commonPrefixes: [] }, next };
      },
      keyOf: (key) => key,
      keyAtBoundary: this.#boundary,
      signal,
    });
  }

  #page(start: string | undefined, end: string | undefined, cursor: string | undefined) {
    const isAfter = (key: string) => {
      if (cursor !== undefined) return compareUtf8(key, cursor) > 0;
      if (start === undefined) return true;
      return this.#boundary === 'in the lower range' ? compareUtf8(key, start) > 0 : compareUtf8(key, start) >= 0;
    };
    const isBefore = (key: string) =>
      this.#boundary === 'in the lower range' || end === undefined || compareUtf8(key, end) < 0;
    const rest = this.keys.filter((key) => isAfter(key) && isBefore(key));
    const page = rest.slice(0, this.#pageSize);
    return { page, next: rest.length > page.length ? page.at(-1) : undefined };
  }
}

async function collect(pages: AsyncIterable<ObjectPage<string>>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { objects } of pages) keys.push(...objects);
  return keys;
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${PREFIX}${String(i).padStart(8, '0')}`);
}

/** 400 keys, far apart. */
function sparse(from: number): string[] {
  return Array.from({ length: 400 }, (_, i) => PREFIX + String((from + i) * 100_000).padStart(10, '0'));
}

/** Valid strings whose order by UTF-16 units is another than by UTF-8 bytes, too. */
const character = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('0', '1', '9', 'a', 'f', 'z', '/', '-') },
  fc.constantFrom(
    '\u0000',
    '\u001F',
    '~',
    '\u007F',
    'é',
    '\uD7FF',
    '\uE000',
    '\uFFFD',
    '\u{10000}',
    '\u{1F600}',
    '\u{10FFFF}',
  ),
);
const text = fc.array(character, { maxLength: 12 }).map((characters) => characters.join(''));

/** Sets of keys that are easy, hard or impossible to guess. */
const keySet = fc
  .array(
    fc.oneof(
      text.map((key) => [key]),
      // A counter, of fixed width or not, with something before and behind.
      fc
        .record({
          before: text,
          from: fc.nat(2000),
          count: fc.nat(300),
          step: fc.integer({ min: 1, max: 40 }),
          width: fc.nat(8),
          behind: text,
        })
        .map(({ before, from, count, step, width, behind }) =>
          Array.from({ length: count }, (_, i) => before + String(from + i * step).padStart(width, '0') + behind),
        ),
      // Keys that are prefixes of each other.
      fc
        .record({ before: text, link: character, count: fc.nat(120) })
        .map(({ before, link, count }) => Array.from({ length: count }, (_, i) => before + link.repeat(i))),
      // Long beginnings in common.
      fc
        .record({ length: fc.nat(900), ends: fc.array(text, { maxLength: 60 }) })
        .map(({ length, ends }) => ends.map((end) => 'x'.repeat(length) + end)),
    ),
    { maxLength: 6 },
  )
  .map((groups) => groups.flat().map((key) => PREFIX + key));

describe.each(BOUNDARIES)('a key at a boundary lying %s', (boundary) => {
  test('every key of any set comes once, in order, whatever the answers overtake', async () => {
    await fc.assert(
      fc.asyncProperty(
        keySet,
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
        async (keys, pageSize, streams, delays) => {
          const service = new RangeService(keys, boundary, pageSize);
          service.turns = (request) => delays[request % delays.length] ?? 0;
          expect(await collect(service.list(streams))).toEqual(service.keys);
          expect(service.mostUnderWay).toBeLessThanOrEqual(streams);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('keys that lie exactly where the listing is split come once', async () => {
    const first = new RangeService(numbered(1000), boundary, 10);
    await collect(first.list(4));
    const splits = first.starts.filter((start) => start !== undefined);
    expect(splits.length).toBeGreaterThan(10);
    const service = new RangeService([...first.keys, ...splits], boundary, 10);
    expect(await collect(service.list(4))).toEqual(service.keys);
    expect(
      service.starts.filter((start) => start !== undefined && service.keys.includes(start)).length,
    ).toBeGreaterThan(5);
  });
});

test.each([2, 4, 8])(
  'keys that can be guessed are listed by %d streams, for a tenth more requests',
  async (streams) => {
    const service = new RangeService(numbered(20_000), 'in the lower range', 100);
    const keys = await collect(service.list(streams));
    expect(keys).toHaveLength(20_000);
    expect(service.mostUnderWay).toBe(streams);
    expect(service.requests).toBeLessThan(service.pages * 1.1);
  },
);

test('requests in vain are bounded where no guess is right', async () => {
  // Each group lies in the smallest part of what is left: no density is that of the keys that follow.
  const keys = Array.from(
    { length: 4000 },
    (_, i) => PREFIX + 'a'.repeat(Math.floor(i / 50)) + `b${String(i).padStart(5, '0')}`,
  );
  const service = new RangeService(keys, 'in the lower range', 10);
  const streams = 4;
  expect(await collect(service.list(streams))).toEqual(service.keys);
  expect(service.requests).toBeLessThan((service.pages + 2 * streams) * (4 / 3));
});

test.each(Array.from({ length: PAGES_BEFORE_SPLITTING + 1 }, (_, pages) => pages))(
  'a listing of %d pages costs no request more than its pages',
  async (pages) => {
    const service = new RangeService(numbered(pages * 10), 'in the upper range', 10);
    expect(await collect(service.list(8))).toEqual(service.keys);
    expect(service.requests).toBe(service.pages);
    expect(service.mostUnderWay).toBe(1);
  },
);

test('one stream asks for each page once, one ahead', async () => {
  const service = new RangeService(numbered(300), 'in the upper range', 10);
  const pages = service.list(1);
  for (let taken = 1; taken <= 30; taken++) {
    await pages.next();
    expect(service.requests).toBe(Math.min(30, taken + 1));
  }
  expect(await pages.next()).toMatchObject({ done: true });
});

test('a consumer that is slower than one stream has one', async () => {
  const service = new RangeService(numbered(500), 'in the lower range', 10);
  service.turns = () => 0;
  for await (const { objects } of service.list(4)) {
    expect(objects.length).toBeGreaterThan(0);
    for (let turns = 0; turns < 20; turns++) await turn();
  }
  expect(service.requests).toBeLessThan(service.pages + 4);
});

test.each([2, 4, 16])(
  'a consumer that stops finds no more pages held for %d streams than their share',
  async (streams) => {
    const service = new RangeService(numbered(20_000), 'in the lower range', 10);
    const served = new Set<string>();
    service.beforePage = (page) => {
      for (const key of page) served.add(key);
    };
    let taken = 0;
    for await (const { objects } of service.list(streams)) {
      for (const key of objects) served.delete(key);
      taken += objects.length;
      // Fast at first, so that all streams are at work; then not at all.
      if (taken < 2000) continue;
      for (let turns = 0; turns < 500; turns++) await turn();
      expect(service.underWay).toBe(0);
      expect(served.size / 10).toBeLessThanOrEqual(streams * PAGES_PER_SEGMENT);
      expect(served.size / 10).toBeGreaterThan((streams - 1) * (PAGES_PER_SEGMENT - 1));
      break;
    }
  },
);

test('listings that share a budget share what is read ahead, and give it back', async () => {
  const streams = 4;
  const budget = readAheadBudget(streams);
  const listings = Array.from({ length: 2 }, () => {
    const service = new RangeService(numbered(3000), 'in the lower range', 10);
    return { service, pages: service.list(streams, new AbortController().signal, budget) };
  });
  const underWay: number[] = [];
  const whole = listings.map(async ({ pages }, index) => {
    let taken = 0;
    for await (const { objects } of pages) {
      taken += objects.length;
      underWay.push(listings.reduce((sum, { service }) => sum + service.underWay, 0));
      // One of them is left early.
      if (index === 0 && taken > 1000) return 3000;
    }
    return taken;
  });
  expect(await Promise.all(whole)).toEqual(listings.map(() => 3000));
  expect(Math.max(...underWay)).toBe(streams);
  expect(budget.hasRoomFor(streams * PAGES_PER_SEGMENT)).toBe(true);
});

test('where there are as many listings as streams, each has one', async () => {
  const budget = readAheadBudget(4);
  const services = Array.from({ length: 5 }, () => new RangeService(numbered(500), 'in the lower range', 10));
  await Promise.all(services.map((service) => collect(service.list(4, new AbortController().signal, budget))));
  // The last of them may find streams that others have left.
  expect(services.filter((service) => service.mostUnderWay === 1).length).toBeGreaterThan(2);
  expect(services.reduce((sum, service) => sum + service.requests, 0)).toBeLessThan(5 * 50 * 1.1);
});

test('a stretch that is far denser than was guessed is listed by several streams all the same', async () => {
  // All of these lie between two keys of the sparse ones.
  const dense = Array.from({ length: 6000 }, (_, i) => `${PREFIX}${String(400 * 100_000 + i * 9).padStart(10, '0')}x`);
  const service = new RangeService([...sparse(0), ...dense, ...sparse(401)], 'in the upper range', 10);
  const denseStreams: number[] = [];
  service.beforePage = (page) => {
    if (page.every((key) => key.endsWith('x'))) denseStreams.push(service.underWay + 1);
  };
  expect(await collect(service.list(4))).toEqual(service.keys);
  const mean = denseStreams.reduce((sum, streams) => sum + streams, 0) / denseStreams.length;
  expect(mean).toBeGreaterThan(3);
});

test('a failure comes where its page would have come, in whichever segment it is', async () => {
  const keys = numbered(3000);
  for (let at = 0; at < keys.length; at += 97) {
    const service = new RangeService(keys, 'in the lower range', 10);
    const broken = keys[at] ?? '';
    service.beforePage = (page) => {
      if (page.includes(broken)) throw new Error(`the page of ${broken} is broken`);
    };
    const listed: string[] = [];
    const listing = (async () => {
      for await (const { objects } of service.list(4)) listed.push(...objects);
    })();
    await expect(listing).rejects.toThrow(broken);
    expect(listed).toEqual(keys.slice(0, listed.length));
    expect(listed.length).toBeLessThanOrEqual(at);
    expect(listed.length).toBeGreaterThan(at - 20);
    expect(service.underWay).toBe(0);
  }
});

test('whoever leaves gives up all that is under way', async () => {
  const service = new RangeService(numbered(3000), 'in the lower range', 10);
  for await (const { objects } of service.list(4)) if (objects.length > 0 && service.underWay === 4) break;
  await turn();
  expect(service.mostUnderWay).toBe(4);
  expect(service.underWay).toBe(0);
  const { requests } = service;
  for (let turns = 0; turns < 50; turns++) await turn();
  expect(service.requests).toBe(requests);
});

test('an abort ends all that is under way, and what was read ahead is not handed out any more', async () => {
  const service = new RangeService(numbered(3000), 'in the lower range', 10);
  const controller = new AbortController();
  const reason = new Error('enough');
  let taken = 0;
  const listing = (async () => {
    for await (const { objects } of service.list(4, controller.signal)) {
      expect(controller.signal.aborted).toBe(false);
      taken += objects.length;
      if (taken > 1000) controller.abort(reason);
    }
  })();
  await expect(listing).rejects.toBe(reason);
  await turn();
  expect(service.underWay).toBe(0);
});
