import { GcsError } from './gcs-error.ts';

/** The requests that are served, named like the methods of the API. */
export type Operation =
  | 'buckets.list'
  | 'buckets.insert'
  | 'buckets.get'
  | 'buckets.patch'
  | 'buckets.delete'
  | 'buckets.getStorageLayout'
  | 'buckets.getIamPolicy'
  | 'buckets.testIamPermissions'
  | 'objects.list'
  | 'objects.get'
  | 'objects.getMedia'
  | 'objects.patch'
  | 'objects.update'
  | 'objects.delete'
  | 'objects.compose'
  | 'objects.rewrite'
  | 'objects.copy'
  | 'objects.insert.media'
  | 'objects.insert.multipart'
  | 'objects.insert.resumable'
  | 'objects.insert.resumable.continue'
  | 'objects.insert.resumable.cancel';

export interface Route {
  readonly operation: Operation;
  /** Empty where the operation is about no bucket, or no object. */
  readonly bucket: string;
  readonly object: string;
  /** Of a rewrite or copy. */
  readonly destination?: { readonly bucket: string; readonly object: string };
}

/**
 * Finds what a request asks for. Served are the paths of the API with and without `/storage/v1` (clients leave it out when they are given a
 * bare emulator address), and its upload and download hosts' prefixes.
 * @param segments of the path, decoded
 * @throws GcsError 404 for a path, 405 for a method that is not served
 */
export function routeRequest(method: string, segments: readonly string[], query: URLSearchParams): Route {
  const [kind, rest] = stripPrefix(segments);
  const [b, bucket = '', o, object = '', ...action] = rest;
  if (b !== 'b') throw notServed(segments);
  if (kind === 'upload') {
    if (rest.length !== 3 || o !== 'o') throw notServed(segments);
    return { operation: uploadOperation(method, query), bucket, object };
  }
  if (rest.length === 1)
    return { operation: pickMethod(method, { GET: 'buckets.list', POST: 'buckets.insert' }), bucket, object };
  if (rest.length === 2) {
    const operations: MethodTable = { GET: 'buckets.get', PATCH: 'buckets.patch', DELETE: 'buckets.delete' };
    return { operation: pickMethod(method, operations), bucket, object };
  }
  if (o !== 'o') return { operation: bucketOperation(method, rest.slice(2), segments), bucket, object: '' };
  if (rest.length === 3) return { operation: pickMethod(method, { GET: 'objects.list' }), bucket, object };
  if (action.length === 0) return { operation: objectOperation(method, kind === 'download', query), bucket, object };
  if (action.length === 1 && action[0] === 'compose') {
    return { operation: pickMethod(method, { POST: 'objects.compose' }), bucket, object };
  }
  const [verb, toB, toBucket = '', toO, toObject = ''] = action;
  if ((verb === 'rewriteTo' || verb === 'copyTo') && toB === 'b' && toO === 'o' && action.length === 5) {
    const operation = pickMethod(method, { POST: verb === 'rewriteTo' ? 'objects.rewrite' : 'objects.copy' });
    return { operation, bucket, object, destination: { bucket: toBucket, object: toObject } };
  }
  throw notServed(segments);
}

type Kind = 'json' | 'upload' | 'download';
type MethodTable = Readonly<Record<string, Operation>>;

function stripPrefix(segments: readonly string[]): [Kind, readonly string[]] {
  let kind: Kind = 'json';
  let rest = segments;
  if (rest[0] === 'resumable' && rest[1] === 'upload') rest = rest.slice(1);
  if (rest[0] === 'upload' || rest[0] === 'download') {
    kind = rest[0];
    rest = rest.slice(1);
  }
  if (rest[0] === 'storage' && rest[1] === 'v1') rest = rest.slice(2);
  return [kind, rest];
}

function uploadOperation(method: string, query: URLSearchParams): Operation {
  if (query.has('upload_id')) {
    return pickMethod(method, {
      PUT: 'objects.insert.resumable.continue',
      POST: 'objects.insert.resumable.continue',
      DELETE: 'objects.insert.resumable.cancel',
    });
  }
  const uploadType = query.get('uploadType');
  if (uploadType === 'multipart') return pickMethod(method, { POST: 'objects.insert.multipart' });
  if (uploadType === 'resumable')
    return pickMethod(method, { POST: 'objects.insert.resumable', PUT: 'objects.insert.resumable' });
  if (uploadType === 'media') return pickMethod(method, { POST: 'objects.insert.media', PUT: 'objects.insert.media' });
  throw new GcsError(400, 'required', 'Required parameter: uploadType');
}

function objectOperation(method: string, isDownload: boolean, query: URLSearchParams): Operation {
  const isMedia = isDownload || query.get('alt') === 'media';
  return pickMethod(method, {
    GET: isMedia ? 'objects.getMedia' : 'objects.get',
    HEAD: isMedia ? 'objects.getMedia' : 'objects.get',
    PATCH: 'objects.patch',
    PUT: 'objects.update',
    DELETE: 'objects.delete',
  });
}

function bucketOperation(method: string, action: readonly string[], segments: readonly string[]): Operation {
  const path = action.join('/');
  if (path === 'storageLayout') return pickMethod(method, { GET: 'buckets.getStorageLayout' });
  if (path === 'iam') return pickMethod(method, { GET: 'buckets.getIamPolicy' });
  if (path === 'iam/testPermissions') return pickMethod(method, { GET: 'buckets.testIamPermissions' });
  throw notServed(segments);
}

function pickMethod(method: string, operations: MethodTable): Operation {
  const operation = operations[method];
  if (operation === undefined) throw new GcsError(405, 'methodNotAllowed', `Method ${method} is not allowed here.`);
  return operation;
}

function notServed(segments: readonly string[]): GcsError {
  return new GcsError(404, 'notFound', `Not Found: /${segments.map(encodeURIComponent).join('/')}`);
}
