import { crc32c } from '@node-rs/crc32';
import { nameViolation } from '@object-transfer/core/domain/object-name-rules';
import type { ObjectLister, ObjectReader } from '@object-transfer/core/ports/object-source';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { createS3ObjectReader } from '@object-transfer/core/storage/s3-object-reader';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import { startCloudFrontServer } from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { startGcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import { startS3Server } from '@object-transfer/local-cloud/s3/s3-server';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/** Keys of every kind go over sockets to all three services, and come back from their listings as they were. */

const BUCKET = 'source';
/** So that listings have several pages. */
const PAGE_SIZE = 5;
const never = new AbortController().signal;

/** What a URL parser, a proxy, a form decoder or an XML parser would make something else of. */
const PIECES = {
  path: [
    '/',
    '//',
    '.',
    '..',
    '/../',
    '/./',
    '%2F',
    '%2f',
    '%252F',
    '%',
    '%zz',
    '+',
    ' ',
    '?',
    '#',
    '&',
    '=',
    ';',
    ':',
  ],
  sign: ['@', '!', "'", '(', ')', '*', '$', ',', '~', '\\', '"', '<', '>', '&amp;', '[', ']', '{', '|', '}', '^', '`'],
  control: ['\0', '\t', '\r', '\n', '\r\n', '\u007f', '\u0085', '\u00a0', '\u2028', '\ufeff', '\ufffe', '\uffff'],
  letter: ['é', 'e\u0301', '\u212b', '\u00c5', '\u{1F600}', '\u{10ffff}', '\ue000', '\ud7ff', 'k', '0', '_', '-'],
};
const piece = fc.oneof(
  fc.constantFrom(...Object.values(PIECES).flat()),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }),
);
/** 1 to 1,024 bytes; a long one is filled up to the last byte. */
const key = fc.tuple(fc.array(piece, { minLength: 1, maxLength: 12, size: 'max' }), fc.nat(9)).map(([pieces, kind]) => {
  const short = pieces.join('');
  if (kind > 0) return short;
  const bytes = Buffer.byteLength(short);
  const filled = bytes > 1024 ? 'k' : short.repeat(Math.floor(1024 / bytes));
  return filled + 'x'.repeat(1024 - Buffer.byteLength(filled));
});
const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 20, size: 'max' });

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

let s3: Awaited<ReturnType<typeof startS3Server>>;
let cdn: Awaited<ReturnType<typeof startCloudFrontServer>>;
let gcs: Awaited<ReturnType<typeof startGcsServer>>;
beforeAll(async () => {
  s3 = await startS3Server({ buckets: { [BUCKET]: {} } });
  cdn = await startCloudFrontServer({ origin: { url: s3.url, bucket: BUCKET }, includesQueryString: true, ttlMs: 0 });
  gcs = await startGcsServer({ buckets: ['destination'] });
});
afterAll(async () => {
  await Promise.all([cdn.close(), gcs.close()]);
  await s3.close();
});

/** The bucket holds these keys and no others; each holds its own name. */
function fill(wanted: readonly string[]): void {
  const bucket = s3.bucket(BUCKET);
  for (const old of held) bucket.delete(old);
  for (const each of wanted) bucket.put(each, Buffer.from(each));
  held = wanted;
}
let held: readonly string[] = [];

async function contentOf(reader: ObjectReader, wanted: string, streamed: boolean): Promise<string> {
  const { body } = await reader.read({ key: wanted, streamed, signal: never });
  const pieces: Buffer[] = [];
  for await (const bytes of body) pieces.push(Buffer.from(bytes));
  return Buffer.concat(pieces).toString();
}

async function listedKeys(lister: ObjectLister, prefix: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const page of lister.listObjects({ prefix, signal: never })) {
    found.push(...page.objects.map((object) => object.key));
  }
  return found;
}

describe('any key of S3', () => {
  test('is read through the CDN and directly, streamed or not, and asked after', async () => {
    const connection = createS3Connection({
      bucket: BUCKET,
      region: 'us-east-1',
      endpointUrl: s3.url,
      credentials: 'anonymous',
    });
    await using readers = new AsyncDisposableStack();
    const direct = readers.adopt(createS3ObjectReader(connection), (reader) => reader.close());
    const through = readers.adopt(
      createCdnObjectReader({ urlHostPre: `${cdn.url}/`, signing: { kind: 'none' } }),
      (reader) => reader.close(),
    );
    const stater = createS3ObjectStater(connection);
    await fc.assert(
      fc.asyncProperty(keys, fc.boolean(), async (wanted, streamed) => {
        fill(wanted);
        const found = await Promise.all(
          wanted.map(async (each) => [
            await contentOf(through, each, streamed),
            await contentOf(direct, each, streamed),
            (await stater.stat(each, never))?.key,
          ]),
        );
        expect(found).toEqual(wanted.map((each) => [each, each, each]));
      }),
      { numRuns: 40 },
    );
  });

  test.each([1, 6])('is in the listing, in its place, by %d streams', async (streams) => {
    const connection = createS3Connection({
      bucket: BUCKET,
      region: 'us-east-1',
      endpointUrl: s3.url,
      credentials: 'anonymous',
    });
    await using _ = { [Symbol.asyncDispose]: () => connection.close() };
    const lister = createS3ObjectLister(connection, { streams, pageSize: PAGE_SIZE });
    await fc.assert(
      fc.asyncProperty(keys, key, async (wanted, prefix) => {
        // Some below a prefix that is any key itself.
        const all = [...new Set([...wanted, ...wanted.map((each) => `${prefix}${each}`)])].filter(
          (each) => Buffer.byteLength(each) <= 1024,
        );
        fill(all);
        expect(await listedKeys(lister, '')).toEqual(all.toSorted(byBytes));
        expect(await listedKeys(lister, prefix)).toEqual(
          all.filter((each) => each.startsWith(prefix)).toSorted(byBytes),
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe('any name of GCS', () => {
  test('is written, found, listed in its place and deleted; or refused by both sides', async () => {
    const destination = createGcsObjectDestination({ bucket: 'destination', emulatorHost: gcs.url, listStreams: 6 });
    await using _ = { [Symbol.asyncDispose]: () => destination.close() };
    await fc.assert(
      fc.asyncProperty(keys, async (wanted) => {
        const content = Buffer.from('content');
        const write = (name: string) =>
          destination.write({
            name,
            content: [content],
            crc32c: crc32c(content),
            properties: { metadata: {} },
            ifGenerationMatch: '0',
            signal: never,
          });
        const outcomes = await Promise.all(
          wanted.map((name) =>
            write(name).then(
              ({ generation }) => ({ name, generation }),
              () => ({ name, generation: '' }),
            ),
          ),
        );
        const written = outcomes.filter(({ generation }) => generation !== '');
        expect(written.map(({ name }) => name)).toEqual(wanted.filter((name) => nameViolation(name) === undefined));
        const listed: string[] = [];
        for await (const page of destination.listObjects({ prefix: '', pageSize: PAGE_SIZE, signal: never })) {
          listed.push(...page.objects.map(({ name }) => name));
        }
        expect(listed).toEqual(written.map(({ name }) => name).toSorted(byBytes));
        expect(gcs.objects.names('destination')).toEqual(listed);
        const found = await Promise.all(written.map(({ name }) => destination.stat(name, never)));
        expect(found.map((object) => object?.name)).toEqual(written.map(({ name }) => name));
        await Promise.all(written.map(({ name, generation }) => destination.delete(name, generation, never)));
        expect(gcs.objects.names('destination')).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
});
