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
  const contents: RawObject[] = [];
  const prefixes: string[] = [];
  let urlEncoded = false;
  let truncated: string | undefined;
  let nextContinuationToken: string | undefined;
  for (let name = scanner.nextElement(); name !== undefined; name = scanner.nextElement()) {
    switch (name) {
      case 'Contents':
        contents.push(scanContents(scanner));
        break;
      case 'CommonPrefixes':
        prefixes.push(...scanCommonPrefixes(scanner));
        break;
      case 'IsTruncated':
        truncated = scanner.text(name).trim();
        break;
      case 'NextContinuationToken':
        nextContinuationToken = decodeXmlText(scanner.text(name));
        break;
      case 'EncodingType':
        urlEncoded = scanner.text(name).trim().toLowerCase() === 'url';
        break;
      default:
        scanner.skip(name);
    }
  }
  scanner.leave(ROOT);
  if (truncated !== 'true' && truncated !== 'false') throw new XmlSyntaxError('IsTruncated is missing');
  const decodeKey = urlEncoded ? decodeUrlText : decodeXmlText;
  return {
    objects: contents.map((raw) => toSourceObject(raw, decodeKey)),
    commonPrefixes: prefixes.map(decodeKey),
    truncated: truncated === 'true',
    nextContinuationToken,
  };
}

const ROOT = 'ListBucketResult';

/** Text of the child elements of `Contents`, undecoded; empty where they are absent. */
interface RawObject {
  key: string;
  size: string;
  etag: string;
  lastModified: string;
  storageClass: string;
}

function scanContents(scanner: XmlScanner): RawObject {
  const raw: RawObject = { key: '', size: '', etag: '', lastModified: '', storageClass: '' };
  for (let name = scanner.nextElement(); name !== undefined; name = scanner.nextElement()) {
    switch (name) {
      case 'Key':
        raw.key = scanner.text(name);
        break;
      case 'Size':
        raw.size = scanner.text(name);
        break;
      case 'ETag':
        raw.etag = scanner.text(name);
        break;
      case 'LastModified':
        raw.lastModified = scanner.text(name);
        break;
      case 'StorageClass':
        raw.storageClass = scanner.text(name);
        break;
      default:
        scanner.skip(name);
    }
  }
  scanner.leave('Contents');
  return raw;
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

/** What ETags look like in practice, read without the detour over entities: it would cost as much as all the rest. */
const USUAL_ETAG = /^&quot;([0-9a-f-]+)&quot;$/;

function toSourceObject(raw: RawObject, decodeKey: (text: string) => string): SourceObject {
  const key = decodeKey(raw.key);
  const sizeBytes = /^\d+$/.test(raw.size) ? Number(raw.size) : Number.NaN;
  const etag = USUAL_ETAG.exec(raw.etag)?.[1] ?? parseEtag(decodeXmlText(raw.etag)).etag;
  const lastModified = new Date(raw.lastModified);
  if (key === '' || etag === '' || !Number.isSafeInteger(sizeBytes) || Number.isNaN(lastModified.getTime())) {
    throw new XmlSyntaxError(`the entry of ${JSON.stringify(key)} lacks a key, size, ETag or date`);
  }
  return { key, sizeBytes, etag, lastModified, storageClass: raw.storageClass === '' ? 'STANDARD' : raw.storageClass };
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
