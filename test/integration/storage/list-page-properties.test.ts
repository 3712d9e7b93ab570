import { ListObjectsV2Command, S3Client, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { parseS3ListPage, type S3ListPage } from '@object-transfer/core/storage/s3-list-page';
import { XmlSyntaxError } from '@object-transfer/core/storage/xml-scanner';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answer, startScriptedServer } from './scripted-server.ts';

/** Pages as XML allows them and as no S3 has written them yet, and pages that were hurt on their way. */

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

interface Entry {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: Date;
  readonly storageClass: string;
}

/** How one page is written: a number for each choice that XML leaves. */
interface Style {
  readonly order: readonly number[];
  readonly blanks: readonly string[];
  readonly extras: readonly string[];
  readonly forms: readonly ('plain' | 'named' | 'decimal' | 'hexadecimal')[];
  readonly attributes: readonly string[];
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Writes a page in a style, whose choices are used in turn and again from the beginning. */
class PageWriter {
  readonly #style: Style;
  #turn = 0;

  constructor(style: Style) {
    this.#style = style;
  }

  page(entries: readonly Entry[], prefixes: readonly string[], token: string | undefined, urlEncoded: boolean): string {
    const name = (text: string) => (urlEncoded ? encodeURIComponent(text) : text);
    const children = [
      this.element('IsTruncated', this.text(String(token !== undefined))),
      ...(token === undefined ? [] : [this.element('NextContinuationToken', this.text(token))]),
      ...(urlEncoded ? [this.element('EncodingType', this.text('url'))] : []),
      this.element('KeyCount', this.text(String(entries.length + prefixes.length))),
    ];
    // Entries keep their order among each other, whatever stands between them.
    const lists = [
      ...entries.map((entry) => this.contents({ ...entry, key: name(entry.key) })),
      ...prefixes.map((prefix) => this.container('CommonPrefixes', [this.element('Prefix', this.text(name(prefix)))])),
    ];
    const at = this.#pick(this.#style.order) % (lists.length + 1);
    const all = [...lists.slice(0, at), ...this.#shuffled(children), ...lists.slice(at)];
    const root = `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${this.#join(all)}</ListBucketResult>`;
    return `<?xml version="1.0" encoding="UTF-8"?>${this.#blank()}${root}${this.#blank()}`;
  }

  contents({ key, sizeBytes, etag, lastModified, storageClass }: Entry): string {
    return this.container('Contents', [
      this.element('Key', this.text(key)),
      this.element('Size', String(sizeBytes)),
      this.element('ETag', this.text(`"${etag}"`)),
      this.element('LastModified', lastModified.toISOString()),
      this.element('StorageClass', storageClass),
    ]);
  }

  container(name: string, children: readonly string[]): string {
    return this.element(name, this.#join(this.#shuffled(children)));
  }

  element(name: string, content: string): string {
    return `<${name}${this.#pick(this.#style.attributes)}>${content}</${name}>`;
  }

  text(plain: string): string {
    return Array.from(plain, (character) => this.#character(character)).join('');
  }

  #character(character: string): string {
    const codePoint = character.codePointAt(0) ?? 0;
    switch (this.#pick(this.#style.forms)) {
      case 'decimal':
        return `&#${codePoint};`;
      case 'hexadecimal':
        return `&#x${codePoint.toString(16)};`;
      case 'named':
        return ENTITIES[character] ?? character;
      case 'plain':
        return character === '&' || character === '<' ? (ENTITIES[character] ?? '') : character;
    }
  }

  #join(children: readonly string[]): string {
    const inserted = children.flatMap((child) => [this.#blank(), this.#pick(this.#style.extras), child]);
    return inserted.join('') + this.#blank();
  }

  #shuffled(children: readonly string[]): readonly string[] {
    const ranked = children.map((child) => ({ child, rank: this.#pick(this.#style.order) }));
    return ranked.toSorted((a, b) => a.rank - b.rank).map(({ child }) => child);
  }

  #blank(): string {
    return this.#pick(this.#style.blanks);
  }

  #pick<T>(from: readonly T[]): T {
    const choice = from[this.#turn++ % from.length];
    if (choice === undefined) throw new RangeError('a style without a choice');
    return choice;
  }
}

function choices<T>(one: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> {
  return fc.array(one, { minLength: 1, maxLength: 7 });
}

const style = (blanks: fc.Arbitrary<string>, attributes: fc.Arbitrary<string>): fc.Arbitrary<Style> =>
  fc.record({
    order: choices(fc.nat(9)),
    blanks: choices(blanks),
    extras: choices(
      fc.constantFrom(
        '',
        '',
        '<Owner><ID>1</ID><DisplayName/></Owner>',
        '<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus>',
        '<Unheard><Of><Key>not a key</Key></Of>\n<Empty></Empty><Closed /></Unheard>',
        '<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>',
      ),
    ),
    forms: choices(fc.constantFrom('plain', 'named', 'decimal', 'hexadecimal')),
    attributes: choices(attributes),
  });

/** To the SDK's parser attributes are children, and so are blanks without a line feed: there it is no oracle. */
const plainStyle = style(fc.constantFrom('', '\n', '\r\n\t'), fc.constant(''));
const anyStyle = style(
  fc.constantFrom('', '', '\n', '  ', '\t'),
  fc.constantFrom('', ' ', ' a="b"', ` b:c='>'`, '\n a = "/>" d=\'"\'', ' e="&lt;Key&gt;"', ' f="/"'),
);

/** What XML can hold: the SDK reads references to the first plane only, and forgets that a line may end in CR. */
const xmlText = fc.string({
  unit: fc.oneof(
    fc.constantFrom('&', '<', '>', '"', "'", ';', '#', 'x', '/', '%', '+', ' ', 'é', '\uFFFD', '\t'),
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 12,
});
/** No end of it is blank: the SDK would take a key that is nothing else for none. */
const name = xmlText.map((text) => `k${text}k`);
const entry = fc.record({
  key: name,
  sizeBytes: fc.maxSafeNat(),
  etag: fc.constantFrom('9a0364b9e99bb480dd25e1f0284c8555', 'd41d8cd98f00b204e9800998ecf8427e-12', 'a&b<c>'),
  lastModified: fc.date({ min: new Date('1970-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
  storageClass: fc.constantFrom('STANDARD', 'GLACIER_IR'),
});
const page = fc.record({
  entries: fc.array(entry, { maxLength: 5 }),
  prefixes: fc.array(name, { maxLength: 3 }),
  token: fc.option(name, { nil: undefined }),
  urlEncoded: fc.boolean(),
});

function asPage(
  { Contents = [], CommonPrefixes = [], ...rest }: ListObjectsV2CommandOutput,
  isUrl: boolean,
): S3ListPage {
  const decode = (text = '') => (isUrl ? decodeURIComponent(text) : text);
  return {
    objects: Contents.map(({ Key, Size = -1, ETag = '', LastModified = new Date(0), StorageClass = '' }) => ({
      key: decode(Key),
      sizeBytes: Size,
      etag: ETag.slice(1, -1),
      lastModified: LastModified,
      storageClass: StorageClass,
    })),
    commonPrefixes: CommonPrefixes.map(({ Prefix }) => decode(Prefix)),
    truncated: rest.IsTruncated === true,
    nextContinuationToken: rest.NextContinuationToken,
  };
}

describe('a page that is legal XML', () => {
  test('says to the parser of the AWS SDK and to ours what was written', async () => {
    await fc.assert(
      fc.asyncProperty(page, plainStyle, async ({ entries, prefixes, token, urlEncoded }, how) => {
        const body = new PageWriter(how).page(entries, prefixes, token, urlEncoded);
        const written = {
          objects: entries,
          commonPrefixes: prefixes,
          truncated: token !== undefined,
          nextContinuationToken: token,
        };
        expect(parseS3ListPage(body)).toEqual(written);
        server.script(answer(200, { 'content-type': 'application/xml' }, body));
        const read = await client.send(new ListObjectsV2Command({ Bucket: 'b' }));
        expect(asPage(read, urlEncoded)).toEqual(written);
      }),
      { numRuns: 200 },
    );
  });

  test('says what was written, whatever its tags have for attributes', () => {
    fc.assert(
      fc.property(page, anyStyle, ({ entries, prefixes, token, urlEncoded }, how) => {
        expect(parseS3ListPage(new PageWriter(how).page(entries, prefixes, token, urlEncoded))).toEqual({
          objects: entries,
          commonPrefixes: prefixes,
          truncated: token !== undefined,
          nextContinuationToken: token,
        });
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
