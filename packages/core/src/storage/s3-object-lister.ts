import { ConfigurationError, SourceError } from '../domain/errors.ts';
import type { SourceObject } from '../domain/source-object.ts';
import type { ListRequest, ObjectLister, SourcePage } from '../ports/object-source.ts';
import { DEFAULT_RETRY_POLICY, retry, type RetryPolicy } from '../runtime/retry.ts';
import { headerText, type ResponseHeaders } from './header-values.ts';
import { readOrDistrust, sendRequest } from './http-exchange.ts';
import { listInSegments, readAheadBudget } from './listing/list-in-segments.ts';
import type { KeyRange } from './listing/segmented-listing.ts';
import { listingDisorder } from './listing/listing-order.ts';
import { prefetchPages, type FetchedPage } from './listing/prefetch-pages.ts';
import { queryString } from './query-string.ts';
import type { S3Connection } from './s3-connection.ts';
import { parseRetryAfterMs } from './retry-after.ts';
import { s3Uri } from './s3-endpoint.ts';
import { parseS3ErrorBody } from './s3-error-body.ts';
import { parseS3ListPage, type S3ListPage } from './s3-list-page.ts';
import { sourceConnectionError, sourceStatusError, type SourceRequest } from './source-failure.ts';
import { XmlSyntaxError } from './xml-scanner.ts';

/** How far a listing has come: what the next page is asked by and held against. */
interface ListCursor {
  readonly continuationToken: string;
  readonly lastKey: string | undefined;
  readonly lastPrefix: string | undefined;
}

/** A page of 1,000 keys of 1,024 bytes, every byte percent-encoded, is a quarter of this. */
const MAX_PAGE_BYTES = 16 * 1024 * 1024;

/** As much of an error's body as is looked at. */
const MAX_ERROR_CHARACTERS = 16 * 1024;

export interface S3ListingOptions {
  readonly retryPolicy?: RetryPolicy | undefined;
  /** Largest number of requests at a time for one listing without a delimiter; default 1. See {@link listInSegments}. */
  readonly streams?: number | undefined;
  /** Largest page wanted; default and maximum 1,000. */
  readonly pageSize?: number | undefined;
}

/** What all requests of one listing have in common. */
interface Listing {
  readonly connection: S3Connection;
  readonly list: ListRequest;
  readonly pageSize: number | undefined;
  readonly request: SourceRequest;
}

const WHOLE: KeyRange = { start: undefined, end: undefined };

/**
 * Lists a bucket by ListObjectsV2, the next page being asked for while the current one is used; a large prefix is listed by several
 * streams. A page that cannot be trusted (cut off, out of order, outside the prefix or before the key that it was to start
 * after, a continuation token missing or repeated) is asked for again, and in the end an error; it is never an empty or a
 * shorter listing.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */
export function createS3ObjectLister(connection: S3Connection, options: S3ListingOptions = {}): ObjectLister {
  const { retryPolicy = DEFAULT_RETRY_POLICY, streams = 1, pageSize } = options;
  const budget = readAheadBudget(streams);
  return {
    listObjects(list: ListRequest): AsyncIterable<SourcePage> {
      const { prefix, signal } = list;
      const request: SourceRequest = {
        op: 'ListObjectsV2',
        source: s3Uri(connection.endpoint, prefix),
        throughCdn: false,
        forbiddenHint: 's3:ListBucket is needed on the bucket',
      };
      const listing: Listing = { connection, list, pageSize, request };
      const fetchRange = (range: KeyRange, cursor: ListCursor | undefined, pageSignal: AbortSignal) =>
        retry(retryPolicy, { signal: pageSignal }, () => fetchPage(listing, range.start, cursor, pageSignal));
      if (streams === 1 || list.delimiter !== undefined) {
        return prefetchPages<SourcePage, ListCursor>((cursor, s) => fetchRange(WHOLE, cursor, s), signal);
      }
      return listInSegments<SourceObject, ListCursor>({
        prefix,
        range: WHOLE,
        streams,
        budget,
        fetchPage: fetchRange,
        keyOf: (object) => object.key,
        // `start-after` is not itself listed.
        keyAtBoundary: 'in the lower range',
        signal,
      });
    },
  };
}

async function fetchPage(
  listing: Listing,
  startAfter: string | undefined,
  cursor: ListCursor | undefined,
  signal: AbortSignal,
): Promise<FetchedPage<SourcePage, ListCursor>> {
  const { list, request } = listing;
  return readOrDistrust(await sendList(listing, startAfter, cursor, signal), ({ text }) => {
    const page = parsePage(text, request);
    const next = verifyPage(page, list, { lastKey: startAfter, ...cursor }, request);
    return { page: { objects: page.objects, commonPrefixes: page.commonPrefixes }, next };
  });
}

async function sendList(
  { connection, list, pageSize, request }: Listing,
  startAfter: string | undefined,
  cursor: ListCursor | undefined,
  signal: AbortSignal,
): Promise<ListAnswer> {
  const query: Record<string, string> = { 'list-type': '2', 'encoding-type': 'url', prefix: list.prefix };
  if (list.delimiter !== undefined) query['delimiter'] = list.delimiter;
  if (pageSize !== undefined) query['max-keys'] = String(pageSize);
  if (cursor !== undefined) query['continuation-token'] = cursor.continuationToken;
  else if (startAfter !== undefined) query['start-after'] = startAfter;
  const rawPath = connection.endpoint.basePath === '' ? '/' : connection.endpoint.basePath;
  const headers = await connection.authorize('GET', rawPath, signal, query);
  const page = await exchange(connection, `${rawPath}?${queryString(query)}`, headers, request, signal);
  if (page.status !== 200) throw listRefusal(connection, request, page);
  if (!page.complete) throw invalidListing(request, `the page has more than ${MAX_PAGE_BYTES} bytes`);
  return page;
}

interface ListAnswer {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly text: string;
  readonly complete: boolean;
  /** Gives its connection up. */
  readonly distrust: () => void;
}

async function exchange(
  connection: S3Connection,
  path: string,
  proof: Readonly<Record<string, string>>,
  request: SourceRequest,
  signal: AbortSignal,
): Promise<ListAnswer> {
  const headers = { ...proof, 'accept-encoding': 'identity' };
  try {
    const answer = await sendRequest(connection.pool, { method: 'GET', path, headers, signal });
    const { bytes, complete } = await answer.take(MAX_PAGE_BYTES);
    const { status, headers: said } = answer;
    return { status, headers: said, text: bytes.toString(), complete, distrust: () => answer.distrust() };
  } catch (error) {
    throw sourceConnectionError(request, error, signal);
  }
}

/** What is missing when listing is the bucket, and S3 has one word for that. Any other 404 is somebody's in between, and may pass. */
function listRefusal(connection: S3Connection, request: SourceRequest, refused: ListAnswer): Error {
  const { status, headers } = refused;
  const body = refused.text.slice(0, MAX_ERROR_CHARACTERS);
  if (status !== 404) return sourceStatusError(request, status, headers, body);
  const { code } = parseS3ErrorBody(body);
  const context = { op: request.op, source: request.source, httpStatus: status };
  if (code === 'NoSuchBucket') {
    return new ConfigurationError(
      'CONFIG_BUCKET_MISSING',
      `there is no S3 bucket ${connection.endpoint.bucket}`,
      context,
    );
  }
  const said = code === undefined ? 'not in the words of S3' : code;
  const reason = `HTTP 404, ${said}: of a bucket that is missing S3 says NoSuchBucket`;
  return new SourceError('SOURCE_UNAVAILABLE', `${request.op} ${request.source}: ${reason}`, {
    ...context,
    retryAfterMs: parseRetryAfterMs(headerText(headers, 'retry-after'), Date.now()),
  });
}

function parsePage(body: string, request: SourceRequest): S3ListPage {
  try {
    return parseS3ListPage(body);
  } catch (error) {
    throw error instanceof XmlSyntaxError ? invalidListing(request, error.message, error) : error;
  }
}

/**
 * @param before how far the listing has come, or the key that it was to start after
 * @returns what the next page is asked by; `undefined` where this is the last
 */
function verifyPage(
  page: S3ListPage,
  list: ListRequest,
  before: Partial<ListCursor>,
  request: SourceRequest,
): ListCursor | undefined {
  const keys = page.objects.map((object) => object.key);
  const disorder =
    listingDisorder(keys, list.prefix, before.lastKey) ??
    listingDisorder(page.commonPrefixes, list.prefix, before.lastPrefix);
  if (disorder !== undefined) throw invalidListing(request, disorder);
  if (!page.truncated) return undefined;
  const token = page.nextContinuationToken;
  if (token === undefined || token === '')
    throw invalidListing(request, 'more is promised, without a continuation token');
  if (token === before.continuationToken) throw invalidListing(request, 'the continuation token repeats itself');
  return {
    continuationToken: token,
    lastKey: keys.at(-1) ?? before.lastKey,
    lastPrefix: page.commonPrefixes.at(-1) ?? before.lastPrefix,
  };
}

function invalidListing(request: SourceRequest, problem: string, cause?: unknown): SourceError {
  return new SourceError('SOURCE_LISTING_INVALID', `${request.op} ${request.source}: ${problem}`, {
    op: request.op,
    source: request.source,
    cause,
  });
}
