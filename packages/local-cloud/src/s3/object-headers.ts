import type { IncomingHttpHeaders } from 'node:http';
import type { ObjectAttributes, StoredObject } from '../content/content-store.ts';
import { decodeHeaderText, encodeHeaderText } from '../http/header-text.ts';

const META_PREFIX = 'x-amz-meta-';

/** Most objects of a source share their attributes: these headers are put together once. */
const headersByAttributes = new WeakMap<ObjectAttributes, readonly string[]>();

/** The headers that an object's attributes become; names and values in turn. */
function attributeHeaders(attributes: ObjectAttributes): readonly string[] {
  const known = headersByAttributes.get(attributes);
  if (known !== undefined) return known;
  const headers = ['Content-Type', attributes.contentType ?? 'binary/octet-stream'];
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined) headers.push(name, value);
  };
  add('Cache-Control', attributes.cacheControl);
  add('Content-Disposition', attributes.contentDisposition);
  add('Content-Language', attributes.contentLanguage);
  add('Content-Encoding', attributes.contentEncoding);
  add('Expires', attributes.expires);
  if (attributes.storageClass !== 'STANDARD') add('x-amz-storage-class', attributes.storageClass);
  add('x-amz-server-side-encryption', attributes.serverSideEncryption);
  if (attributes.restored === true) add('x-amz-restore', 'ongoing-request="false"');
  if (attributes.missingMetadata !== undefined) add('x-amz-missing-meta', String(attributes.missingMetadata));
  for (const [name, value] of Object.entries(attributes.userMetadata ?? {}))
    add(META_PREFIX + name, encodeHeaderText(value));
  headersByAttributes.set(attributes, headers);
  return headers;
}

/** The headers of a GET or HEAD that do not depend on the range; names and values in turn, a fresh array. */
export function objectHeaders(object: StoredObject): string[] {
  return [
    'ETag',
    `"${object.etag}"`,
    'Last-Modified',
    new Date(object.lastModifiedMs).toUTCString(),
    'Accept-Ranges',
    'bytes',
    ...attributeHeaders(object.attributes),
  ];
}

/** Reads what an upload says of its object. */
export function readAttributes(headers: IncomingHttpHeaders): ObjectAttributes {
  const userMetadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(META_PREFIX)) userMetadata[name.slice(META_PREFIX.length)] = decodeHeaderText(String(value));
  }
  return {
    contentType: headers['content-type'],
    cacheControl: headers['cache-control'],
    contentDisposition: headers['content-disposition'],
    contentLanguage: headers['content-language'],
    contentEncoding: withoutAwsChunked(headers['content-encoding']),
    expires: headers.expires,
    storageClass: textOf(headers['x-amz-storage-class']),
    serverSideEncryption: textOf(headers['x-amz-server-side-encryption']),
    userMetadata,
  };
}

/** `aws-chunked` is how the body travelled, not how it is stored. */
function withoutAwsChunked(contentEncoding: string | undefined): string | undefined {
  const kept = (contentEncoding ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '' && item !== 'aws-chunked');
  return kept.length === 0 ? undefined : kept.join(',');
}

function textOf(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
