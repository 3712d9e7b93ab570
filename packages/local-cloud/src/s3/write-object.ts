import type { IncomingMessage, ServerResponse } from 'node:http';
import { MemoryObject } from '../content/memory-content.ts';
import { sendBody } from '../http/send-body.ts';
import type { Bucket } from './bucket.ts';
import type { MultipartUploads } from './multipart-uploads.ts';
import { readAttributes } from './object-headers.ts';
import { readBody } from './request-body.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import type { S3Stats } from './s3-stats.ts';
import { escapeXml, readElements, S3_NAMESPACE, XML_HEAD } from './xml.ts';

/** What every write needs. */
export interface WriteContext {
  readonly bucket: Bucket;
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly uploads: MultipartUploads;
  readonly stats: S3Stats;
}

const MAX_DELETED_KEYS = 1000;

/**
 * Answers PutObject; `If-None-Match: *` and `If-Match` are obeyed.
 * @throws S3Error PreconditionFailed, NotImplemented (copies), and those of the body
 */
export async function putObject({ bucket, key, request, response, stats }: WriteContext): Promise<void> {
  if (request.headers['x-amz-copy-source'] !== undefined) throw notImplemented('CopyObject');
  const body = await readBody(request);
  stats.bytesReceived += body.size;
  const existing = await bucket.content.stat(key);
  const { 'if-none-match': ifNoneMatch, 'if-match': ifMatch } = request.headers;
  const isRefused =
    (ifNoneMatch === '*' && existing !== undefined) ||
    (ifMatch !== undefined && existing?.etag !== ifMatch.replaceAll('"', ''));
  if (isRefused)
    throw new S3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  const object = new MemoryObject(body.chunks, { attributes: readAttributes(request.headers) });
  bucket.content.put(key, object);
  await sendBody(response, 200, ['ETag', `"${object.etag}"`, 'Content-Length', '0'], undefined);
}

export async function deleteObject({ bucket, key, response }: WriteContext): Promise<void> {
  bucket.content.delete(key);
  await sendBody(response, 204, [], undefined);
}

/**
 * Answers DeleteObjects, up to 1,000 keys in one request.
 * @throws S3Error MalformedXML, and those of the body
 */
export async function deleteObjects({ bucket, request, response }: WriteContext): Promise<void> {
  const document = await readText(request);
  const keys = readElements(document, 'Delete', 'Object').map((element) => element['Key'] ?? '');
  if (keys.length === 0 || keys.length > MAX_DELETED_KEYS || keys.includes('')) {
    throw new S3Error(400, 'MalformedXML', 'The XML you provided was not well-formed or did not validate');
  }
  for (const key of keys) bucket.content.delete(key);
  const isQuiet = /<Quiet>\s*true\s*<\/Quiet>/.test(document);
  const deleted = isQuiet ? '' : keys.map((key) => `<Deleted><Key>${escapeXml(key)}</Key></Deleted>`).join('');
  await sendXml(response, `<DeleteResult ${S3_NAMESPACE}>${deleted}</DeleteResult>`);
}

export async function createMultipartUpload({ bucket, key, request, response, uploads }: WriteContext): Promise<void> {
  const id = uploads.create(bucket.name, key, readAttributes(request.headers));
  const names = `<Bucket>${escapeXml(bucket.name)}</Bucket><Key>${escapeXml(key)}</Key><UploadId>${id}</UploadId>`;
  await sendXml(response, `<InitiateMultipartUploadResult ${S3_NAMESPACE}>${names}</InitiateMultipartUploadResult>`);
}

/** Answers UploadPart. @throws S3Error NoSuchUpload, InvalidArgument, and those of the body */
export async function uploadPart({
  bucket,
  key,
  query,
  request,
  response,
  uploads,
  stats,
}: WriteContext): Promise<void> {
  if (request.headers['x-amz-copy-source'] !== undefined) throw notImplemented('UploadPartCopy');
  const body = await readBody(request);
  stats.bytesReceived += body.size;
  const number = Number(query.get('partNumber'));
  const etag = uploads.addPart(bucket.name, key, query.get('uploadId') ?? '', number, body);
  await sendBody(response, 200, ['ETag', `"${etag}"`, 'Content-Length', '0'], undefined);
}

/** Answers CompleteMultipartUpload. @throws S3Error those of the upload and of the body */
export async function completeMultipartUpload(context: WriteContext): Promise<void> {
  const { bucket, key, query, request, response, uploads } = context;
  const parts = readElements(await readText(request), 'CompleteMultipartUpload', 'Part');
  const listed = parts.map((part) => ({ number: Number(part['PartNumber']), etag: part['ETag'] ?? '' }));
  const object = uploads.complete(bucket.name, key, query.get('uploadId') ?? '', listed);
  bucket.content.put(key, object);
  const names = `<Bucket>${escapeXml(bucket.name)}</Bucket><Key>${escapeXml(key)}</Key><ETag>&quot;${object.etag}&quot;</ETag>`;
  await sendXml(response, `<CompleteMultipartUploadResult ${S3_NAMESPACE}>${names}</CompleteMultipartUploadResult>`);
}

/** Answers AbortMultipartUpload. @throws S3Error NoSuchUpload */
export async function abortMultipartUpload({ bucket, key, query, response, uploads }: WriteContext): Promise<void> {
  uploads.abort(bucket.name, key, query.get('uploadId') ?? '');
  await sendBody(response, 204, [], undefined);
}

async function readText(request: IncomingMessage): Promise<string> {
  return Buffer.concat((await readBody(request)).chunks).toString('utf8');
}

/** Sends a document; the XML declaration is added here. */
export async function sendXml(response: ServerResponse, document: string): Promise<void> {
  const body = Buffer.from(document.startsWith('<?xml') ? document : XML_HEAD + document);
  await sendBody(response, 200, ['Content-Type', 'application/xml', 'Content-Length', String(body.length)], body);
}
