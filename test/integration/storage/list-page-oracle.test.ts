import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { parseEtag } from '@object-transfer/core/domain/source-object';
import { parseS3ListPage, type S3ListPage } from '@object-transfer/core/storage/s3-list-page';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHARACTER_FORMS, page, PageWriter, plainStyle, saying, writeCharacter } from './list-page-writer.ts';
import { answer, startScriptedServer } from './scripted-server.ts';

/** What the parser of the AWS SDK reads in a page is what ours reads. */

let server: Awaited<ReturnType<typeof startScriptedServer>>;
let client: S3Client;
beforeAll(async () => {
  server = await startScriptedServer();
  client = new S3Client({
    endpoint: server.url,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'a', secretAccessKey: 's' },
    maxAttempts: 1,
  });
});
afterAll(async () => {
  client.destroy();
  await server.close();
});

/** What the SDK reads in a page, in our words. */
async function readBySdk(body: string): Promise<S3ListPage> {
  server.script(answer(200, { 'content-type': 'application/xml' }, body));
  const read = await client.send(new ListObjectsV2Command({ Bucket: 'b' }));
  const decode = (text = '') => (read.EncodingType === 'url' ? decodeURIComponent(text.replaceAll('+', ' ')) : text);
  return {
    objects: (read.Contents ?? []).map(({ Key, Size = -1, ETag = '', LastModified, StorageClass = 'STANDARD' }) => ({
      key: decode(Key),
      sizeBytes: Size,
      etag: parseEtag(ETag).etag,
      lastModified: LastModified ?? new Date(Number.NaN),
      storageClass: StorageClass,
    })),
    commonPrefixes: (read.CommonPrefixes ?? []).map(({ Prefix }) => decode(Prefix)),
    truncated: read.IsTruncated === true,
    nextContinuationToken: read.NextContinuationToken,
  };
}

test('a page that is legal XML says to the parser of the AWS SDK and to ours what was written', async () => {
  await fc.assert(
    fc.asyncProperty(page, plainStyle, async (content, how) => {
      const body = new PageWriter(how).page(content);
      expect(parseS3ListPage(body)).toEqual(saying(content));
      expect(await readBySdk(body)).toEqual(saying(content));
    }),
    { numRuns: 200 },
  );
});

/** One object as S3 may write it; `key` and `etag` as the page has them. */
interface Entry {
  readonly key: string;
  readonly etag: string;
  readonly size: number;
  readonly modified: Date;
  readonly more: string;
  readonly storageClass: string | undefined;
}

function pageOf(entries: readonly Entry[], encoding: 'url' | undefined): string {
  const contents = entries.map(({ key, etag, size, modified, more, storageClass }) => {
    const ofClass = storageClass === undefined ? '' : `<StorageClass>${storageClass}</StorageClass>`;
    return `<Contents><Key>${key}</Key><LastModified>${modified.toISOString()}</LastModified><ETag>${etag}</ETag>${more}<Size>${size}</Size>${ofClass}</Contents>`;
  });
  const encodingType = encoding === undefined ? '' : `<EncodingType>${encoding}</EncodingType>`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><IsTruncated>false</IsTruncated>${contents.join('')}${encodingType}</ListBucketResult>`;
}

/** The keys that both parsers read. */
async function readByBoth(entries: readonly Entry[], encoding: 'url' | undefined): Promise<readonly string[]> {
  const body = pageOf(entries, encoding);
  const read = parseS3ListPage(body);
  expect(read).toEqual(await readBySdk(body));
  return read.objects.map(({ key }) => key);
}

const attributes = {
  etag: fc.constantFrom(
    '&quot;9a0364b9e99bb480dd25e1f0284c8555&quot;',
    '"d41d8cd98f00b204e9800998ecf8427e-12"',
    '&#34;abc&#x22;',
    'unquoted',
    '&quot;with &amp; and &lt;&quot;',
  ),
  size: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  modified: fc.date({ min: new Date('1970-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
  more: fc.constantFrom(
    '',
    '<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>',
    '<Owner><ID>1</ID><DisplayName/></Owner>',
    '<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>',
  ),
  storageClass: fc.constantFrom('STANDARD', 'GLACIER_IR', undefined),
};

/** One character and the forms that it may have in XML. */
const xmlCharacter = fc
  .tuple(
    fc.oneof(
      fc.constantFrom('&', '<', '>', '"', "'", '%', '+', ';', '#'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    ),
    fc.constantFrom(...CHARACTER_FORMS),
  )
  .map(([character, form]) => {
    const points = Array.from(character);
    // The SDK cuts references beyond the first plane to 16 bits: there it is no oracle.
    const isBeyond = points.some((point) => (point.codePointAt(0) ?? 0) > 0xffff);
    return points.map((point) => writeCharacter(point, isBeyond ? 'plain' : form)).join('');
  });

test('every entity and character reference, in keys that are not URL-encoded', async () => {
  const key = fc.array(xmlCharacter, { minLength: 1, maxLength: 12 }).map((characters) => `k${characters.join('')}k`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ key, ...attributes }), { maxLength: 4 }), async (entries) => {
      expect(await readByBoth(entries, undefined)).toHaveLength(entries.length);
    }),
  );
});

test('a character reference beyond the first plane', () => {
  const entry = { etag: '"e"', size: 0, modified: new Date(0), more: '', storageClass: undefined };
  const { objects } = parseS3ListPage(pageOf([{ ...entry, key: '&#128512;&#x1F600;' }], undefined));
  expect(objects.map((object) => object.key)).toEqual(['\u{1F600}\u{1F600}']);
});

test('keys that are URL-encoded, a space as a plus sign or not', async () => {
  const unencoded = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
  const key = fc.tuple(unencoded, fc.boolean()).map(([text, plus]) => {
    const encoded = encodeURIComponent(text);
    return plus ? encoded.replaceAll('%20', '+') : encoded;
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ key, ...attributes }), { maxLength: 4 }), async (entries) => {
      expect(await readByBoth(entries, 'url')).toHaveLength(entries.length);
    }),
  );
});

test('a key of 1,000 bytes and more, every byte of it percent-encoded', async () => {
  const key = `${'\u{1F600}'.repeat(128)}${'é/ +%&\n\u0001'.repeat(54)}${'x'.repeat(26)}`;
  expect(Buffer.byteLength(key)).toBe(1024);
  const encoded = Array.from(Buffer.from(key), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
  const entry = { etag: '&quot;e&quot;', size: 0, modified: new Date(0), more: '', storageClass: 'STANDARD' };
  const keys = await readByBoth(
    [
      { ...entry, key: encoded },
      { ...entry, key: encoded.toUpperCase() },
    ],
    'url',
  );
  expect(keys).toEqual([key, key]);
});
