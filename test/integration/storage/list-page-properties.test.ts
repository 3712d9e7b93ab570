import { parseS3ListPage, type S3ListPage } from '@object-transfer/core/storage/s3-list-page';
import { XmlSyntaxError } from '@object-transfer/core/storage/xml-scanner';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anyStyle, type Entry, entry, name, page, PageWriter, saying } from './list-page-writer.ts';

/** Pages as XML allows them and as no S3 has written them yet, and pages that were hurt on their way. */

describe('a page that is legal XML', () => {
  test('says what was written, whatever its tags have for attributes', () => {
    fc.assert(
      fc.property(page, anyStyle, (content, how) => {
        expect(parseS3ListPage(new PageWriter(how).page(content))).toEqual(saying(content));
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['a comment', '<!-- Key -->'],
    ['a processing instruction', '<?php ?>'],
    ['a CDATA section', '<![CDATA[<Contents/>]]>'],
    ['an entity of its own', '<!DOCTYPE a [<!ENTITY b "c">]>'],
    ['text of no element', 'text'],
  ])('is refused for %s anywhere, of which S3 writes none', (_, exotic) => {
    const entries = [{ key: 'k', sizeBytes: 1, etag: 'e', lastModified: new Date(0), storageClass: 'STANDARD' }];
    const body = usualPage(entries, ['p/']);
    for (let at = body.indexOf('<ListBucketResult'); at < body.lastIndexOf('</'); at++) {
      const isBetween = body[at] === '<' && (body[at - 1] === '>' || exotic.startsWith('<'));
      const outcome = isBetween ? pageOrUndefined(body.slice(0, at) + exotic + body.slice(at)) : undefined;
      expect(outcome).toBeUndefined();
    }
  });
});

/** In the order in which S3 writes it. */
function usualPage(entries: readonly Entry[], prefixes: readonly string[]): string {
  const contents = entries.map(
    ({ key, sizeBytes, etag, lastModified, storageClass }) =>
      `<Contents><Key>${encodeURIComponent(key)}</Key><LastModified>${lastModified.toISOString()}</LastModified><ETag>&quot;${encodeURIComponent(etag)}&quot;</ETag><Size>${sizeBytes}</Size><StorageClass>${storageClass}</StorageClass></Contents>`,
  );
  const common = prefixes.map(
    (prefix) => `<CommonPrefixes><Prefix>${encodeURIComponent(prefix)}</Prefix></CommonPrefixes>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix/><KeyCount>${entries.length + prefixes.length}</KeyCount><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${contents.join('')}${common.join('')}</ListBucketResult>`;
}

/** @returns `undefined` where the page is refused; anything else that is thrown goes on */
function pageOrUndefined(body: string): S3ListPage | undefined {
  try {
    return parseS3ListPage(body);
  } catch (error) {
    if (error instanceof XmlSyntaxError) return undefined;
    throw error;
  }
}

describe('a page that was hurt', () => {
  const whole = fc.record({
    entries: fc.array(entry, { minLength: 1, maxLength: 6 }),
    prefixes: fc.array(name, { maxLength: 3 }),
  });
  const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

  test('is refused where it is cut off', () => {
    fc.assert(
      fc.property(whole, place, ({ entries, prefixes }, at) => {
        const body = usualPage(entries, prefixes);
        expect(pageOrUndefined(body.slice(0, Math.floor(at * body.length)))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, fc.Arbitrary<string>]>([
    ['where a span of it is missing', fc.constant('')],
    [
      'where something else stands for a span of it',
      fc.string({ unit: fc.constantFrom('<', '>', '/', 'K', '0', '&') }),
    ],
  ])('is refused, or has no entry less: %s', (_, insteadOf) => {
    fc.assert(
      fc.property(whole, place, place, insteadOf, ({ entries, prefixes }, a, b, instead) => {
        const body = usualPage(entries, prefixes);
        const [from = 0, to = 0] = [a, b].map((at) => Math.floor(at * body.length)).toSorted((x, y) => x - y);
        const read = pageOrUndefined(body.slice(0, from) + instead + body.slice(to));
        fc.pre(read !== undefined);
        expect(read.objects.length + read.commonPrefixes.length).toBeGreaterThanOrEqual(
          entries.length + prefixes.length,
        );
      }),
      { numRuns: 500, maxSkipsPerRun: 10_000 },
    );
  });

  test('is refused, or has no entry less, where it lacks just what makes two entries one', () => {
    const tags =
      /(?<=<(Key|Size|ETag|LastModified|StorageClass|Contents|Prefix|CommonPrefixes)>)|(?=<\/?(?:Contents|CommonPrefixes)>)/g;
    fc.assert(
      fc.property(whole, place, place, ({ entries, prefixes }, a, b) => {
        const body = usualPage(entries, prefixes);
        const places = Array.from(body.matchAll(tags), ({ index }) => index);
        const [from = 0, to = 0] = [a, b]
          .map((at) => places[Math.floor(at * places.length)] ?? 0)
          .toSorted((x, y) => x - y);
        const read = pageOrUndefined(body.slice(0, from) + body.slice(to));
        const found = read === undefined ? Number.POSITIVE_INFINITY : read.objects.length + read.commonPrefixes.length;
        expect(found).toBeGreaterThanOrEqual(entries.length + prefixes.length);
      }),
      { numRuns: 1000 },
    );
  });
});
