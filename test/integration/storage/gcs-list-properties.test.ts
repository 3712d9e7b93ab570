import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, startScriptedServer } from './scripted-server.ts';

/** Pages of GCS in every form that JSON allows, and pages that were hurt on their way. */

let server: Awaited<ReturnType<typeof startScriptedServer>>;
let destination: ObjectDestination;
beforeAll(async () => {
  server = await startScriptedServer();
  destination = createGcsObjectDestination({
    bucket: 'b',
    emulatorHost: server.url,
    listStreams: 1,
    listRetryPolicy: { maxAttempts: 1, baseDelayMs: 0, maxDelayMs: 0 },
  });
});
afterAll(async () => {
  await destination.close();
  await server.close();
});

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Writes a value as JSON; the choices that this leaves are used in turn. */
class JsonWriter {
  readonly #blanks: readonly string[];
  readonly #escapes: readonly boolean[];
  readonly #order: readonly number[];
  #turn = 0;

  constructor(blanks: readonly string[], escapes: readonly boolean[], order: readonly number[]) {
    this.#blanks = blanks;
    this.#escapes = escapes;
    this.#order = order;
  }

  write(value: Json): string {
    return `${this.#blank()}${this.#bare(value)}${this.#blank()}`;
  }

  #bare(value: Json): string {
    if (typeof value === 'string') return this.#text(value);
    if (Array.isArray(value)) return `[${value.map((item: Json) => this.write(item)).join(',')}]`;
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    const fields = Object.entries(value).map(([name, item]) => ({ name, item, rank: this.#pick(this.#order, 0) }));
    const written = fields
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ name, item }) => `${this.#blank()}${this.#text(name)}${this.#blank()}:${this.write(item)}`);
    return `{${written.join(',')}}`;
  }

  #text(text: string): string {
    if (!this.#pick(this.#escapes, false)) return JSON.stringify(text);
    const units = text.split('').map((unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
    return `"${units.join('')}"`;
  }

  #blank(): string {
    return this.#pick(this.#blanks, '');
  }

  #pick<T>(from: readonly T[], otherwise: T): T {
    return from[this.#turn++ % from.length] ?? otherwise;
  }
}

const writer = fc
  .tuple(
    fc.array(fc.constantFrom('', ' ', '\n', '\r\n\t'), { minLength: 1, maxLength: 5 }),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    fc.array(fc.nat(9), { minLength: 1, maxLength: 7 }),
  )
  .map(([blanks, escapes, order]) => new JsonWriter(blanks, escapes, order));

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
/** Fields that nobody has asked for; any of them may be of any shape. */
const unknown = fc.dictionary(
  fc.string().filter((field) => !['name', 'size', 'generation', 'crc32c', 'md5Hash', 'metadata'].includes(field)),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>,
  { maxKeys: 3 },
);
const item = fc.record({ unknown, size: fc.maxSafeNat(), generation: fc.bigInt({ min: 1n, max: 2n ** 62n }) });
const page = fc.record({
  names: fc.uniqueArray(name, { maxLength: 8 }),
  item,
  prefixes: fc.uniqueArray(name, { maxLength: 3 }),
  /** An empty list may be left out. */
  leaveOut: fc.boolean(),
  unknown: fc.dictionary(fc.constantFrom('a', 'etag', '__proto__', 'toString'), fc.jsonValue() as fc.Arbitrary<Json>),
});
type Page = typeof page extends fc.Arbitrary<infer T> ? T : never;

function sorted(names: readonly string[]): readonly string[] {
  return names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function jsonOf({ names, item: each, prefixes, leaveOut, unknown: more }: Page): Json {
  const resource = (text: string): Json => ({
    ...each.unknown,
    name: text,
    size: String(each.size),
    generation: String(each.generation),
    crc32c: 'AAAAAA==',
  });
  return {
    ...more,
    kind: 'storage#objects',
    ...(leaveOut && names.length === 0 ? {} : { items: sorted(names).map(resource) }),
    ...(leaveOut && prefixes.length === 0 ? {} : { prefixes: sorted(prefixes) }),
  };
}

interface Listing {
  readonly objects: readonly DestinationObject[];
  readonly prefixes: readonly string[];
}

/** @returns the error's code where the listing is refused */
async function list(body: string | Buffer): Promise<Listing | string> {
  server.script(answer(200, { 'content-type': 'application/json' }, body));
  const objects: DestinationObject[] = [];
  const prefixes: string[] = [];
  try {
    for await (const listed of destination.listObjects({ prefix: '', signal: new AbortController().signal })) {
      objects.push(...listed.objects);
      prefixes.push(...listed.commonPrefixes);
    }
    return { objects, prefixes };
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

test('a page says what JSON says, however it is written', async () => {
  await fc.assert(
    fc.asyncProperty(page, writer, async (content, json) => {
      const { names, prefixes, item: each } = content;
      expect(await list(json.write(jsonOf(content)))).toEqual({
        objects: sorted(names).map((text) => ({
          name: text,
          sizeBytes: each.size,
          generation: String(each.generation),
          crc32c: 0,
          md5: undefined,
          sourceEtag: undefined,
        })),
        prefixes: sorted(prefixes),
      });
    }),
    { numRuns: 200 },
  );
});

test('no beginning of a page passes for a page', async () => {
  await fc.assert(
    fc.asyncProperty(page, writer, fc.double({ min: 0, max: 1, noNaN: true }), async (content, json, at) => {
      const body = Buffer.from(json.write(jsonOf(content)).trimEnd());
      const length = Math.min(Math.floor(at * body.length), body.length - 1);
      expect(await list(body.subarray(0, length))).toBe('DESTINATION_LISTING_INVALID');
    }),
    { numRuns: 200 },
  );
});

test('a page in which a field is something else is refused, or says of every object what it says', async () => {
  const field = fc.constantFrom('kind', 'items', 'prefixes', 'nextPageToken', 'name', 'size', 'generation', 'metadata');
  const odd = fc.oneof(
    fc.jsonValue() as fc.Arbitrary<Json>,
    fc.constantFrom<Json>('', '-1', '1e3', '9'.repeat(30), [null]),
  );
  await fc.assert(
    fc.asyncProperty(page, field, odd, async (content, wrong, value) => {
      const json = jsonOf({ ...content, names: ['first', ...content.names] }) as Record<string, Json>;
      const isOfItem = ['name', 'size', 'generation', 'metadata'].includes(wrong);
      const hurt = isOfItem
        ? { ...json, items: (json['items'] as Json[]).map((each) => Object.assign({}, each, { [wrong]: value })) }
        : { ...json, [wrong]: value };
      const listing = await list(JSON.stringify(hurt));
      const count = typeof listing === 'string' ? undefined : listing.objects.length;
      const items: Json = (hurt as Record<string, Json>)['items'] ?? null;
      expect([undefined, Array.isArray(items) ? items.length : -1]).toContain(count);
      expect(typeof listing === 'string' ? listing : 'DESTINATION_LISTING_INVALID').toBe('DESTINATION_LISTING_INVALID');
    }),
    { numRuns: 200 },
  );
});
