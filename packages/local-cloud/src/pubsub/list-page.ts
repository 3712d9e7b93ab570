import { checkRange, invalidArgument } from './pubsub-errors.ts';

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Empty on the last page. */
  readonly nextPageToken: string;
}

const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1000;

/**
 * The part of a list that a call asks for, by name. The token is where the page before ended.
 * @throws {GrpcError} INVALID_ARGUMENT
 */
export function pageOf<T>(all: Iterable<T>, nameOf: (item: T) => string, request: PageRequest): Page<T> {
  checkRange('page_size', request.pageSize, 0, Number.MAX_SAFE_INTEGER);
  const after = Buffer.from(request.pageToken, 'base64url').toString();
  if (request.pageToken !== '' && after === '') {
    throw invalidArgument(`Invalid page token given (page_token=${request.pageToken}).`);
  }
  const rest = [...all]
    .map((item) => ({ item, name: nameOf(item) }))
    .filter(({ name }) => name > after)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const page = rest.slice(0, Math.min(request.pageSize || DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE));
  const last = page.at(-1);
  const isLastPage = last === undefined || page.length === rest.length;
  return {
    items: page.map(({ item }) => item),
    nextPageToken: isLastPage ? '' : Buffer.from(last.name).toString('base64url'),
  };
}
