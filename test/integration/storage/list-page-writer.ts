import type { S3ListPage } from '@object-transfer/core/storage/s3-list-page';
import * as fc from 'fast-check';

/** Pages of S3 as XML allows them, and what may be in them. */

export interface Entry {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly lastModified: Date;
  readonly storageClass: string;
}

/** What one page says, and whether its names are percent-encoded. */
export interface Page {
  readonly entries: readonly Entry[];
  readonly prefixes: readonly string[];
  readonly token: string | undefined;
  readonly urlEncoded: boolean;
}

/** What a parser is to read in it. */
export function saying({ entries, prefixes, token }: Page): S3ListPage {
  return {
    objects: entries,
    commonPrefixes: prefixes,
    truncated: token !== undefined,
    nextContinuationToken: token,
  };
}

/** How one page is written: a number for each choice that XML leaves. */
export interface Style {
  readonly order: readonly number[];
  readonly blanks: readonly string[];
  readonly extras: readonly string[];
  readonly forms: readonly CharacterForm[];
  readonly attributes: readonly string[];
}

export const CHARACTER_FORMS = ['plain', 'named', 'decimal', 'hexadecimal'] as const;
export type CharacterForm = (typeof CHARACTER_FORMS)[number];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** A code point as it may stand in XML. */
export function writeCharacter(character: string, form: CharacterForm): string {
  const codePoint = character.codePointAt(0) ?? 0;
  switch (form) {
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

/** Writes a page in a style, whose choices are used in turn and again from the beginning. */
export class PageWriter {
  readonly #style: Style;
  #turn = 0;

  constructor(style: Style) {
    this.#style = style;
  }

  page({ entries, prefixes, token, urlEncoded }: Page): string {
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
    return Array.from(plain, (character) => writeCharacter(character, this.#pick(this.#style.forms))).join('');
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
    forms: choices(fc.constantFrom(...CHARACTER_FORMS)),
    attributes: choices(attributes),
  });

/** To the SDK's parser attributes are children, and so are blanks without a line feed: there it is no oracle. */
export const plainStyle = style(fc.constantFrom('', '\n', '\r\n\t'), fc.constant(''));
export const anyStyle = style(
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
export const name = xmlText.map((text) => `k${text}k`);
export const entry = fc.record({
  key: name,
  sizeBytes: fc.maxSafeNat(),
  etag: fc.constantFrom('9a0364b9e99bb480dd25e1f0284c8555', 'd41d8cd98f00b204e9800998ecf8427e-12', 'a&b<c>'),
  lastModified: fc.date({ min: new Date('1970-01-01'), max: new Date('2099-12-31'), noInvalidDate: true }),
  storageClass: fc.constantFrom('STANDARD', 'GLACIER_IR'),
});
export const page: fc.Arbitrary<Page> = fc.record({
  entries: fc.array(entry, { maxLength: 5 }),
  prefixes: fc.array(name, { maxLength: 3 }),
  token: fc.option(name, { nil: undefined }),
  urlEncoded: fc.boolean(),
});
