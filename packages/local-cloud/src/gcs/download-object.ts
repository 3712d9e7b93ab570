import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { parseRange } from '../http/byte-range.ts';
import { send, type GcsCall } from './gcs-call.ts';
import { GcsError } from './gcs-error.ts';
import { encodeCrc32c } from './object-digest.ts';
import { checkBeforeRead, readInteger, readPreconditions } from './preconditions.ts';
import { etagOf, type StoredObject } from './stored-object.ts';

/**
 * Answers an object's bytes: the whole, one range, or decompressed where they are stored as gzip and the client does not take gzip. The last
 * ignores ranges, as GCS does.
 * @see https://cloud.google.com/storage/docs/transcoding
 */
export async function downloadObject(call: GcsCall): Promise<void> {
  const { request, response, route, query } = call;
  const object = call.store.object(route.bucket, route.object, readInteger(query, 'generation'));
  checkBeforeRead(readPreconditions(query), object);
  const { sizeBytes } = object.content;
  const headers = mediaHeaders(object);
  if (isTranscoded(object, request)) {
    response.writeHead(200, {
      ...headers,
      'x-guploader-response-body-transformations': 'gunzipped',
      warning: '214 UploadServer gunzipped',
    });
    if (request.method === 'HEAD') response.end();
    else await pipeline(asStream(object.content.open(0, sizeBytes)), createGunzip(), response);
    return;
  }
  const range = parseRange(request.headers.range, sizeBytes);
  if (range === 'unsatisfiable') {
    const error = new GcsError(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable');
    send(response, 416, JSON.stringify(error.body()), { 'content-range': `bytes */${sizeBytes}` });
    return;
  }
  const { first, last } = range ?? { first: 0, last: sizeBytes - 1 };
  const body = request.method === 'HEAD' ? Buffer.alloc(0) : object.content.open(first, last + 1);
  response.writeHead(range === undefined ? 200 : 206, {
    ...headers,
    ...contentEncoding(object),
    ...(range === undefined ? {} : { 'content-range': `bytes ${first}-${last}/${sizeBytes}` }),
    'accept-ranges': 'bytes',
    'content-length': last + 1 - first,
  });
  if (Buffer.isBuffer(body)) response.end(body);
  else await pipeline(body, response);
}

function isTranscoded(object: StoredObject, request: IncomingMessage): boolean {
  const { contentEncoding: encoding, cacheControl = '' } = object.settings;
  if (encoding !== 'gzip' || /\bno-transform\b/i.test(cacheControl)) return false;
  return !/\bgzip\b/i.test(request.headers['accept-encoding']?.toString() ?? '');
}

function contentEncoding(object: StoredObject): Record<string, string> {
  const { contentEncoding: encoding } = object.settings;
  return encoding === undefined ? {} : { 'content-encoding': headerText(encoding) };
}

function asStream(body: Buffer | Readable): Readable {
  return Buffer.isBuffer(body) ? Readable.from([body], { objectMode: false }) : body;
}

function mediaHeaders(object: StoredObject): Record<string, string> {
  const { settings } = object;
  const md5 = object.md5Hash === undefined ? '' : `,md5=${object.md5Hash}`;
  const headers: Record<string, string> = {
    'content-type': headerText(settings.contentType),
    etag: etagOf(object),
    'last-modified': new Date(object.updatedMs).toUTCString(),
    'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-storage-class': settings.storageClass,
    'x-goog-hash': `crc32c=${encodeCrc32c(object.crc32c)}${md5}`,
    'x-goog-stored-content-encoding': headerText(settings.contentEncoding ?? 'identity'),
    'x-goog-stored-content-length': String(object.content.sizeBytes),
  };
  const optional = {
    'cache-control': settings.cacheControl,
    'content-disposition': settings.contentDisposition,
    'content-language': settings.contentLanguage,
  };
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) headers[name] = headerText(value);
  for (const [key, value] of Object.entries(settings.metadata ?? {})) {
    // A key that is no token can be stored by the JSON API, but no header can carry it.
    if (/^[\w!#$%&'*+.^`|~-]+$/.test(key)) headers[`x-goog-meta-${key}`] = headerText(value);
  }
  return headers;
}

/** UTF-8 bytes as Node takes them in a header, one character each; control characters become spaces. */
function headerText(value: string): string {
  return Buffer.from(value.replaceAll(/\p{Cc}/gu, ' '), 'utf8').toString('latin1');
}
