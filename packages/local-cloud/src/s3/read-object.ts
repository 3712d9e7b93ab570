import type { IncomingMessage, ServerResponse } from 'node:http';
import type { StoredObject } from '../content/content-store.ts';
import { parseRange } from '../http/byte-range.ts';
import { evaluatePreconditions, rangeApplies } from '../http/preconditions.ts';
import { sendBody } from '../http/send-body.ts';
import type { Bucket } from './bucket.ts';
import { objectHeaders } from './object-headers.ts';
import { accessDenied, S3Error } from './s3-error.ts';
import type { S3Stats } from './s3-stats.ts';

const ARCHIVED: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/**
 * Answers GetObject and HeadObject (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html).
 * @throws S3Error NoSuchKey, AccessDenied, InvalidObjectState, PreconditionFailed, InvalidRange
 */
export async function readObject(
  bucket: Bucket,
  key: string,
  request: IncomingMessage,
  response: ServerResponse,
  stats: S3Stats,
): Promise<void> {
  const found = bucket.content.stat(key);
  const object = found instanceof Promise ? await found : found;
  if (object === undefined) throw missing(bucket, key);
  const isHead = request.method === 'HEAD';
  if (!isHead && isArchived(object)) {
    const message = "The operation is not valid for the object's storage class";
    throw new S3Error(403, 'InvalidObjectState', message, {
      details: { StorageClass: object.attributes.storageClass ?? '' },
    });
  }
  const { size, lastModifiedMs } = object;
  const validators = { etag: `"${object.etag}"`, lastModifiedMs };
  const outcome = evaluatePreconditions(request.headers, validators);
  if (outcome === 412) {
    throw new S3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
  }
  const headers = objectHeaders(object);
  if (outcome === 304) {
    await sendBody(response, 304, headers, undefined);
    return;
  }
  const range = rangeApplies(request.headers, validators) ? parseRange(request.headers.range, size) : undefined;
  if (range === 'unsatisfiable') {
    throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable', {
      details: { RangeRequested: request.headers.range ?? '', ActualObjectSize: String(size) },
      headers: ['Content-Range', `bytes */${size}`],
    });
  }
  const first = range?.first ?? 0;
  const length = range === undefined ? size : range.last - range.first + 1;
  if (range !== undefined) headers.push('Content-Range', `bytes ${range.first}-${range.last}/${size}`);
  headers.push('Content-Length', String(length));
  if (isHead) {
    await sendBody(response, range === undefined ? 200 : 206, headers, undefined);
    return;
  }
  stats.countGet(bucket.name, key);
  stats.bytesSent += length;
  await sendBody(response, range === undefined ? 200 : 206, headers, object.open(first, length));
}

function isArchived({ attributes }: StoredObject): boolean {
  return ARCHIVED.has(attributes.storageClass ?? '') && attributes.restored !== true;
}

function missing(bucket: Bucket, key: string): S3Error {
  if (!bucket.listBucketAllowed) return accessDenied();
  return new S3Error(404, 'NoSuchKey', 'The specified key does not exist.', { details: { Key: key } });
}
