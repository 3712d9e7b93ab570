import { parseEtag, type SourceObject } from '../domain/source-object.ts';
import { XmlScanner, XmlSyntaxError } from './xml-scanner.ts';
import { decodeXmlText } from './xml-text.ts';

/** One answer of ListObjectsV2, read but not yet held against the request. */
export interface S3ListPage {
  readonly objects: readonly SourceObject[];
  readonly commonPrefixes: readonly string[];
  readonly truncated: boolean;
  readonly nextContinuationToken: string | undefined;
}

/**
 * Reads the body of a ListObjectsV2 answer. Keys are URL-decoded where the answer says that they are encoded
 * (`encoding-type=url`), in which a space is a plus sign.
 * @throws XmlSyntaxError where the document is cut off, malformed or lacks what every listing has
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html#API_ListObjectsV2_ResponseSyntax
 */
export function parseS3ListPage(body: string): S3ListPage {
  const scanner = new XmlScanner(body);
  const root = scanner.nextElement();
  if (root !== ROOT) throw new XmlSyntaxError(`the root is ${root ?? 'missing'}, not ${ROOT}`);
  const objects: Draft[] = [];
  const prefixes: string[] = [];
  const about: Partial<Record<PageElement, string>> = {};
  for (;;) {
    for (let usual = scanner.match(USUAL_CONTENTS); usual; usual = scanner.match(USUAL_CONTENTS)) {
      objects.push(toUsualDraft(usual));
    }
    const name = scanner.nextElement();
    if (name === undefined) break;
    switch (name) {
      case 'Contents':
        objects.push(toDraft(scanContents(scanner)));
        break;
      case 'CommonPrefixes':
        prefixes.push(...scanCommonPrefixes(scanner));
        break;
      case 'IsTruncated':
      case 'NextContinuationToken':
      case 'EncodingType':
      case 'KeyCount':
        readOnce(scanner, about, name);
        break;
      default:
        scanner.skip(name);
    }
  }
  scanner.leave(ROOT);
  const said = (name: PageElement): string => decodeXmlText(about[name] ?? '');
  const truncated = said('IsTruncated').trim();
  if (truncated !== 'true' && truncated !== 'false') throw new XmlSyntaxError('IsTruncated is missing');
  // Some services count the objects alone: fewer than there are is no loss.
  const promised = Number(said('KeyCount'));
  if (promised > objects.length + prefixes.length) {
    throw new XmlSyntaxError(`of ${promised} entries only ${objects.length + prefixes.length} are there`);
  }
  const decodeKey = said('EncodingType').trim().toLowerCase() === 'url' ? decodeUrlText : decodeXmlText;
  for (const object of objects) {
    if (ENCODED.test(object.key)) object.key = decodeName(object.key, decodeKey);
    if (object.key === '') throw new XmlSyntaxError('an entry lacks a key');
  }
  return {
    objects,
    commonPrefixes: prefixes.map((prefix) => decodeName(prefix, decodeKey)),
    truncated: truncated === 'true',
    nextContinuationToken: about.NextContinuationToken === undefined ? undefined : said('NextContinuationToken'),
  };
}

/** What a page says of itself. */
type PageElement = 'IsTruncated' | 'NextContinuationToken' | 'EncodingType' | 'KeyCount';

const ROOT = 'ListBucketResult';

/** An object whose key is still encoded: the page may say how at its very end. */
type Draft = { -readonly [K in keyof SourceObject]: SourceObject[K] };

/** Whether a key may need decoding; most do not. */
const ENCODED = /[%+&]/;

/**
 * `Contents` as S3 writes them, read at one go: 0.3 us in place of 0.9 us element by element, which remains for all others.
 * The ETag is one of MD5 form or of parts.
 */
const USUAL_CONTENTS =
  /<Contents><Key>([^<]*)<\/Key><LastModified>(\d{4}-\d\d-\d\dT\d\d:[0-5]\d:[0-5]\d\.\d{3}Z)<\/LastModified><ETag>&quot;([0-9a-f-]+)&quot;<\/ETag>(?:<ChecksumAlgorithm>[^<]*<\/ChecksumAlgorithm>)*(?:<ChecksumType>[^<]*<\/ChecksumType>)?<Size>(\d{1,15})<\/Size>(?:<StorageClass>([^<&]+)<\/StorageClass>)?<\/Contents>/y;

function toUsualDraft(match: RegExpExecArray): Draft {
  return {
    key: match[1] ?? '',
    lastModified: toDate(match[2] ?? ''),
    etag: match[3] ?? '',
    sizeBytes: Number(match[4]),
    storageClass: match[5] ?? 'STANDARD',
  };
}

/** Reads a time of the pattern's form; `new Date(text)` takes twice as long. */
function toDate(text: string): Date {
  const month = twoDigits(text, 5);
  const day = twoDigits(text, 8);
  const hours = twoDigits(text, 11);
  if (month < 1 || month > 12 || day < 1 || day > 31 || hours > 23) {
    throw new XmlSyntaxError(`${JSON.stringify(text)} is no time`);
  }
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const ms = twoDigits(text, 20) * 10 + text.charCodeAt(22) - ZERO;
  return new Date(Date.UTC(year, month - 1, day, hours, twoDigits(text, 14), twoDigits(text, 17), ms));
}

function twoDigits(text: string, index: number): number {
  return (text.charCodeAt(index) - ZERO) * 10 + text.charCodeAt(index + 1) - ZERO;
}

const ZERO = 0x30;

/** Text of the child elements of `Contents`, undecoded. */
type RawObject = Partial<Record<'Key' | 'Size' | 'ETag' | 'LastModified' | 'StorageClass', string>>;

function scanContents(scanner: XmlScanner): RawObject {
  const raw: RawObject = {};
  for (let name = scanner.nextElement(); name !== undefined; name = scanner.nextElement()) {
    switch (name) {
      case 'Key':
      case 'Size':
      case 'ETag':
      case 'LastModified':
      case 'StorageClass':
        readOnce(scanner, raw, name);
        break;
      default:
        scanner.skip(name);
    }
  }
  scanner.leave('Contents');
  return raw;
}

/** Two of what there is one of are two entries, or two pages, that have become one. */
function readOnce<K extends string>(scanner: XmlScanner, into: Partial<Record<K, string>>, name: K): void {
  if (into[name] !== undefined) throw new XmlSyntaxError(`there is a second ${name}`);
  into[name] = scanner.text(name);
}

function scanCommonPrefixes(scanner: XmlScanner): string[] {
  const prefixes: string[] = [];
  for (let name = scanner.nextElement(); name !== undefined; name = scanner.nextElement()) {
    if (name === 'Prefix') prefixes.push(scanner.text(name));
    else scanner.skip(name);
  }
  scanner.leave('CommonPrefixes');
  return prefixes;
}

function toDraft({ Key: key = '', Size: size = '', ETag, LastModified, StorageClass }: RawObject): Draft {
  const sizeBytes = /^\d+$/.test(size) ? Number(size) : Number.NaN;
  const { etag } = parseEtag(decodeXmlText(ETag ?? ''));
  const lastModified = new Date(LastModified ?? '');
  if (etag === '' || !Number.isSafeInteger(sizeBytes) || Number.isNaN(lastModified.getTime())) {
    throw new XmlSyntaxError(`the entry of ${JSON.stringify(key)} lacks a size, ETag or date`);
  }
  const storageClass = StorageClass === undefined || StorageClass === '' ? 'STANDARD' : StorageClass;
  return { key, sizeBytes, etag, lastModified, storageClass };
}

/** Half a surrogate pair can only come from a reference; no key has one. */
function decodeName(text: string, decode: (text: string) => string): string {
  const name = decode(text);
  if (!name.isWellFormed()) throw new XmlSyntaxError(`${JSON.stringify(name)} is no Unicode text`);
  return name;
}

function decodeUrlText(text: string): string {
  const encoded = decodeXmlText(text);
  if (!encoded.includes('%') && !encoded.includes('+')) return encoded;
  try {
    return decodeURIComponent(encoded.replaceAll('+', ' '));
  } catch (error) {
    throw new XmlSyntaxError(`${JSON.stringify(encoded)} is not URL-encoded UTF-8`, { cause: error });
  }
}
