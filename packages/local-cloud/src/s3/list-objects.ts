import type { ContentStore } from '../content/content-store.ts';
import { listPage, type ListPage } from './list-page.ts';
import { invalidArgument } from './s3-error.ts';
import { escapeXml, S3_NAMESPACE, XML_HEAD } from './xml.ts';

const MAX_KEYS = 1000;

type Query = ReadonlyMap<string, string>;
type Encode = (text: string) => string;

/**
 * Answers ListObjectsV2 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html).
 * @returns the XML document
 * @throws S3Error InvalidArgument
 */
export async function listObjectsV2(store: ContentStore, bucket: string, query: Query): Promise<string> {
  const common = parseCommon(query);
  const token = query.get('continuation-token');
  const startAfter = query.get('start-after');
  const after = token === undefined ? (startAfter ?? '') : decodeToken(token);
  const page = await listPage(store, { ...common, after });
  return document(bucket, common, page, [
    element('KeyCount', String(page.objects.length + page.commonPrefixes.length)),
    token === undefined ? '' : element('ContinuationToken', escapeXml(token)),
    page.next === undefined ? '' : element('NextContinuationToken', encodeToken(page.next)),
    startAfter === undefined ? '' : element('StartAfter', common.encode(startAfter)),
  ]);
}

/**
 * Answers the older ListObjects (https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html).
 * @returns the XML document
 * @throws S3Error InvalidArgument
 */
export async function listObjectsV1(store: ContentStore, bucket: string, query: Query): Promise<string> {
  const common = parseCommon(query);
  const marker = query.get('marker') ?? '';
  const page = await listPage(store, { ...common, after: marker });
  const hasNextMarker = page.next !== undefined && common.delimiter !== '';
  return document(bucket, common, page, [
    element('Marker', common.encode(marker)),
    hasNextMarker ? element('NextMarker', common.encode(page.next)) : '',
  ]);
}

interface CommonParameters {
  readonly prefix: string;
  readonly delimiter: string;
  readonly maxKeys: number;
  readonly encodesUrls: boolean;
  readonly encode: Encode;
}

function parseCommon(query: Query): CommonParameters {
  const encoding = query.get('encoding-type');
  if (encoding !== undefined && encoding !== 'url')
    throw invalidArgument('Invalid Encoding Method specified in Request');
  const encodesUrls = encoding === 'url';
  const maxKeysText = query.get('max-keys') ?? String(MAX_KEYS);
  if (!/^\d{1,10}$/.test(maxKeysText))
    throw invalidArgument('Provided max-keys not an integer or within integer range');
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    maxKeys: Math.min(Number(maxKeysText), MAX_KEYS),
    encodesUrls,
    encode: encodesUrls ? encodeListed : escapeXml,
  };
}

function document(bucket: string, common: CommonParameters, page: ListPage, paging: readonly string[]): string {
  const { encode } = common;
  let xml = `${XML_HEAD}<ListBucketResult ${S3_NAMESPACE}><Name>${escapeXml(bucket)}</Name>`;
  xml += element('Prefix', encode(common.prefix));
  if (common.delimiter !== '') xml += element('Delimiter', encode(common.delimiter));
  xml += element('MaxKeys', String(common.maxKeys));
  if (common.encodesUrls) xml += element('EncodingType', 'url');
  xml += element('IsTruncated', String(page.next !== undefined));
  xml += paging.join('');
  let secondMs = -1;
  let modified = '';
  for (const { key, object } of page.objects) {
    if (object.lastModifiedMs !== secondMs) {
      secondMs = object.lastModifiedMs;
      modified = new Date(secondMs - (secondMs % 1000)).toISOString();
    }
    const storageClass = object.attributes.storageClass ?? 'STANDARD';
    xml += `<Contents><Key>${encode(key)}</Key><LastModified>${modified}</LastModified><ETag>&quot;${object.etag}&quot;</ETag><Size>${object.size}</Size><StorageClass>${storageClass}</StorageClass></Contents>`;
  }
  for (const prefix of page.commonPrefixes)
    xml += `<CommonPrefixes><Prefix>${encode(prefix)}</Prefix></CommonPrefixes>`;
  return `${xml}</ListBucketResult>`;
}

function element(name: string, text: string): string {
  return `<${name}>${text}</${name}>`;
}

const NEEDS_NO_ENCODING = /^[\w.*/-]*$/;

/** The `encoding-type=url` of S3: as in HTML forms (a space is `+`), but slashes stay. */
function encodeListed(text: string): string {
  if (NEEDS_NO_ENCODING.test(text)) return text;
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

function encodeToken(after: string): string {
  return Buffer.from(after, 'utf8').toString('base64');
}

function decodeToken(token: string): string {
  const after = Buffer.from(token, 'base64').toString('utf8');
  if (encodeToken(after) !== token || after === '')
    throw invalidArgument('The continuation token provided is incorrect');
  return after;
}
