import { S3Error } from './s3-error.ts';

/** What a request is about. Taken from the raw request line: a URL parser would fold `..`, `//` and much else. */
export interface RequestTarget {
  /** `undefined`: the service itself, for ListBuckets. */
  readonly bucket: string | undefined;
  /** Empty: the bucket itself. */
  readonly key: string;
  /** Decoded; the first value where a name comes twice. */
  readonly query: ReadonlyMap<string, string>;
  /** As sent, without the query. */
  readonly rawPath: string;
  /** As sent, without the question mark. */
  readonly rawQuery: string;
}

const NO_QUERY: ReadonlyMap<string, string> = new Map();

/**
 * Finds bucket and key. The bucket is in the host name (`bucket.anything`) when it begins with the name of a bucket
 * that exists, otherwise it is the first segment of the path.
 * @throws S3Error InvalidURI when the percent-encoding is broken or is not UTF-8
 */
export function parseTarget(url: string, host: string | undefined, isBucket: (name: string) => boolean): RequestTarget {
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const rawQuery = mark < 0 ? '' : url.slice(mark + 1);
  const query = rawQuery === '' ? NO_QUERY : parseQuery(rawQuery);
  const hosted = bucketOfHost(host, isBucket);
  if (hosted !== undefined) return { bucket: hosted, key: decodeText(rawPath.slice(1)), query, rawPath, rawQuery };
  const slash = rawPath.indexOf('/', 1);
  const bucket = decodeText(slash < 0 ? rawPath.slice(1) : rawPath.slice(1, slash));
  const key = slash < 0 ? '' : decodeText(rawPath.slice(slash + 1));
  return { bucket: bucket === '' ? undefined : bucket, key, query, rawPath, rawQuery };
}

/** Bucket names may hold dots: the longest that exists is meant. */
function bucketOfHost(host: string | undefined, isBucket: (name: string) => boolean): string | undefined {
  if (host === undefined) return undefined;
  for (let dot = host.lastIndexOf('.'); dot > 0; dot = host.lastIndexOf('.', dot - 1)) {
    const name = host.slice(0, dot);
    if (isBucket(name)) return name;
  }
  return undefined;
}

/** @throws S3Error InvalidURI */
function parseQuery(rawQuery: string): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const pair of rawQuery.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodeText(equals < 0 ? pair : pair.slice(0, equals));
    if (!query.has(name)) query.set(name, equals < 0 ? '' : decodeText(pair.slice(equals + 1)));
  }
  return query;
}

/**
 * S3 reads a plus sign as a space, in paths too: a client that does not encode it asks for another key.
 * @throws S3Error InvalidURI
 */
export function decodeText(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}
