import type { S3Operation } from './s3-stats.ts';
import { notImplemented, S3Error } from './s3-error.ts';

/** Query parameters that ask for something else than the object or the listing itself. */
const SUBRESOURCES = [
  'accelerate',
  'acl',
  'analytics',
  'attributes',
  'cors',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'legal-hold',
  'lifecycle',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'ownershipControls',
  'policy',
  'policyStatus',
  'publicAccessBlock',
  'replication',
  'requestPayment',
  'restore',
  'retention',
  'select',
  'tagging',
  'torrent',
  'versioning',
  'versions',
  'website',
];

/**
 * Names the operation that a method, the presence of a key and the query parameters ask for.
 * @throws S3Error MethodNotAllowed, NotImplemented
 */
export function routeRequest(
  method: string,
  target: { readonly bucket: string | undefined; readonly key: string; readonly query: ReadonlyMap<string, string> },
): S3Operation {
  const { bucket, key, query } = target;
  const operation =
    bucket === undefined ? ofService(method) : key === '' ? ofBucket(method, query) : ofObject(method, query);
  if (operation === undefined) {
    throw new S3Error(405, 'MethodNotAllowed', 'The specified method is not allowed against this resource.');
  }
  if (query.size > 0) {
    const unknown = SUBRESOURCES.find((name) => query.has(name));
    if (unknown !== undefined) throw notImplemented(`${method} ?${unknown}`);
  }
  return operation;
}

function ofService(method: string): S3Operation | undefined {
  return method === 'GET' ? 'ListBuckets' : undefined;
}

function ofBucket(method: string, query: ReadonlyMap<string, string>): S3Operation | undefined {
  switch (method) {
    case 'HEAD':
      return 'HeadBucket';
    case 'PUT':
      return 'CreateBucket';
    case 'POST':
      return query.has('delete') ? 'DeleteObjects' : undefined;
    case 'GET':
      if (query.has('location')) return 'GetBucketLocation';
      if (query.has('uploads')) throw notImplemented('ListMultipartUploads');
      return query.get('list-type') === '2' ? 'ListObjectsV2' : 'ListObjects';
    default:
      return undefined;
  }
}

function ofObject(method: string, query: ReadonlyMap<string, string>): S3Operation | undefined {
  switch (method) {
    case 'HEAD':
      return 'HeadObject';
    case 'GET':
      if (query.has('uploadId')) throw notImplemented('ListParts');
      return 'GetObject';
    case 'PUT':
      return query.has('uploadId') ? 'UploadPart' : 'PutObject';
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload';
      return query.has('uploadId') ? 'CompleteMultipartUpload' : undefined;
    case 'DELETE':
      return query.has('uploadId') ? 'AbortMultipartUpload' : 'DeleteObject';
    default:
      return undefined;
  }
}
