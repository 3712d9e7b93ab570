import type { DestinationObject } from '../domain/destination-object.ts';
import { DestinationError } from '../domain/errors.ts';
import { compareUtf8 } from '../domain/key-mapping.ts';
import type { DestinationListRequest, DestinationPage } from '../ports/object-destination.ts';
import { retry, type RetryPolicy } from '../runtime/retry.ts';
import type { GcsOperation } from './gcs-failure.ts';
import type { GcsJsonApi } from './gcs-json-api.ts';
import { OBJECT_FIELDS, toDestinationObject } from './gcs-object-fields.ts';
import { listInSegments } from './listing/list-in-segments.ts';
import type { KeyRange } from './listing/segmented-listing.ts';
import { listingDisorder } from './listing/listing-order.ts';
import { prefetchPages, type FetchedPage } from './listing/prefetch-pages.ts';
import { queryString } from './query-string.ts';
import type { ReadAheadBudget } from './listing/read-ahead-budget.ts';

/** What a listing runs on. */
export interface GcsListContext {
  readonly api: GcsJsonApi;
  readonly bucket: string;
  /** `/storage/v1/b/<bucket>/o`, below the endpoint's base path. */
  readonly objectsPath: string;
  readonly retryPolicy: RetryPolicy;
  /** Largest number of requests at a time for one listing without a delimiter. */
  readonly streams: number;
  readonly budget: ReadAheadBudget;
}

/** How far a listing has come: what the next page is asked by and held against. */
interface ListCursor {
  readonly pageToken: string;
  readonly lastName: string | undefined;
  readonly lastPrefix: string | undefined;
}

interface ListAnswer {
  readonly objects: readonly DestinationObject[];
  readonly prefixes: readonly string[];
  readonly nextPageToken: string | undefined;
}

/** Without `fields` a page carries ten times as much. `kind` is there in an empty listing, too: it tells one from an empty answer. */
const LIST_FIELDS = `kind,items(${OBJECT_FIELDS}),prefixes,nextPageToken`;

/**
 * Lists objects, the next page being asked for while the current one is used; a large prefix is listed by several streams.
 * A page that cannot be trusted is asked for again, and in the end an error; it is never an empty or a shorter listing.
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/list
 */
export function listGcsObjects(context: GcsListContext, list: DestinationListRequest): AsyncIterable<DestinationPage> {
  const { prefix, delimiter, startOffset, endOffset, signal } = list;
  const whole: KeyRange = { start: startOffset, end: endOffset };
  const fetchRange = (range: KeyRange, cursor: ListCursor | undefined, pageSignal: AbortSignal) =>
    retry(context.retryPolicy, { signal: pageSignal }, () => fetchPage(context, list, range, cursor, pageSignal));
  if (context.streams === 1 || delimiter !== undefined) {
    return prefetchPages<DestinationPage, ListCursor>((cursor, s) => fetchRange(whole, cursor, s), signal);
  }
  return listInSegments<DestinationObject, ListCursor>({
    prefix,
    range: whole,
    streams: context.streams,
    budget: context.budget,
    fetchPage: fetchRange,
    keyOf: (object) => object.name,
    // `startOffset` is itself listed, `endOffset` is not.
    keyAtBoundary: 'in the upper range',
    signal,
  });
}

async function fetchPage(
  context: GcsListContext,
  list: DestinationListRequest,
  range: KeyRange,
  cursor: ListCursor | undefined,
  signal: AbortSignal,
): Promise<FetchedPage<DestinationPage, ListCursor>> {
  const operation: GcsOperation = {
    op: 'objects.list',
    destination: `gs://${context.bucket}/${list.prefix}`,
    permission: 'storage.objects.list',
  };
  const query = queryString({
    prefix: list.prefix,
    delimiter: list.delimiter,
    startOffset: range.start,
    endOffset: range.end,
    maxResults: list.pageSize === undefined ? undefined : String(list.pageSize),
    pageToken: cursor?.pageToken,
    fields: LIST_FIELDS,
  });
  const path = `${context.objectsPath}?${query}`;
  return context.api.read({ method: 'GET', path, operation, signal }, ({ text }) => {
    const answer = parseAnswer(text, operation);
    const next = verifyAnswer(answer, list.prefix, range, cursor, operation);
    return { page: { objects: answer.objects, commonPrefixes: answer.prefixes }, next };
  });
}

function parseAnswer(body: string, operation: GcsOperation): ListAnswer {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null) throw new TypeError('the page is no JSON object');
    const { kind, items = [], prefixes = [], nextPageToken } = parsed as Record<string, unknown>;
    if (kind !== 'storage#objects') throw new TypeError('the answer is no listing');
    if (!Array.isArray(items) || !isStringArray(prefixes)) throw new TypeError('items or prefixes are no lists');
    if (nextPageToken !== undefined && typeof nextPageToken !== 'string')
      throw new TypeError('nextPageToken is no text');
    return { objects: items.map(toDestinationObject), prefixes, nextPageToken };
  } catch (error) {
    const problem = error instanceof SyntaxError ? 'the page is cut off or no JSON' : String(error);
    throw invalidListing(operation, problem, error);
  }
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** @returns what the next page is asked by; `undefined` where this is the last */
function verifyAnswer(
  { objects, prefixes, nextPageToken }: ListAnswer,
  prefix: string,
  range: KeyRange,
  cursor: ListCursor | undefined,
  operation: GcsOperation,
): ListCursor | undefined {
  const names = objects.map((object) => object.name);
  const disorder =
    listingDisorder(names, prefix, cursor?.lastName) ??
    rangeDisorder(names, range) ??
    listingDisorder(prefixes, prefix, cursor?.lastPrefix);
  if (disorder !== undefined) throw invalidListing(operation, disorder);
  if (nextPageToken === undefined || nextPageToken === '') return undefined;
  if (nextPageToken === cursor?.pageToken) throw invalidListing(operation, 'the page token repeats itself');
  return {
    pageToken: nextPageToken,
    lastName: names.at(-1) ?? cursor?.lastName,
    lastPrefix: prefixes.at(-1) ?? cursor?.lastPrefix,
  };
}

/**
 * @param names in order
 * @returns what is wrong where one of them lies outside the range that was asked for
 */
function rangeDisorder(names: readonly string[], { start, end }: KeyRange): string | undefined {
  const first = names.at(0);
  if (first !== undefined && start !== undefined && compareUtf8(first, start) < 0)
    return `${JSON.stringify(first)} comes before ${JSON.stringify(start)}, where the listing was to start`;
  const last = names.at(-1);
  if (last !== undefined && end !== undefined && compareUtf8(last, end) >= 0)
    return `${JSON.stringify(last)} does not come before ${JSON.stringify(end)}, where the listing was to end`;
  return undefined;
}

function invalidListing({ op, destination }: GcsOperation, problem: string, cause?: unknown): DestinationError {
  return new DestinationError('DESTINATION_LISTING_INVALID', `${op} ${destination}: ${problem}`, {
    op,
    destination,
    cause,
  });
}
