import { compareUtf8 } from '../content/utf8-order.ts';
import { invalid } from './gcs-error.ts';
import { parseInteger } from './preconditions.ts';
import type { SortedNames } from './sorted-names.ts';

export interface ListQuery {
  readonly prefix: string;
  /** Empty: no grouping. */
  readonly delimiter: string;
  readonly includeTrailingDelimiter: boolean;
  /** Inclusive; empty: from the first. */
  readonly startOffset: string;
  /** Exclusive; empty: to the last. */
  readonly endOffset: string;
  readonly maxResults: number;
  readonly pageToken: string;
}

export interface NamePage {
  readonly names: readonly string[];
  readonly prefixes: readonly string[];
  readonly nextPageToken?: string;
}

/** The largest page that GCS serves, and its default. */
const MAX_RESULTS = 1_000;

/** @throws GcsError 400 for a page size that is no positive integer, and for what this server does not offer */
export function readListQuery(query: URLSearchParams): ListQuery {
  // Ignoring these would answer another question than the one that was asked.
  for (const unsupported of ['matchGlob', 'filter']) {
    if (query.get(unsupported)) throw invalid(`The parameter ${unsupported} is not served here.`);
  }
  const maxResults = parseInteger(query.get('maxResults') ?? String(MAX_RESULTS), 'maxResults');
  if (maxResults < 0) throw invalid(`Invalid value '${maxResults}' for parameter maxResults.`);
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    includeTrailingDelimiter: query.get('includeTrailingDelimiter') === 'true',
    startOffset: query.get('startOffset') ?? '',
    endOffset: query.get('endOffset') ?? '',
    maxResults: maxResults === 0 ? MAX_RESULTS : Math.min(maxResults, MAX_RESULTS),
    pageToken: query.get('pageToken') ?? '',
  };
}

/**
 * One page of names in UTF-8 byte order. Names that share a part up to the delimiter are one entry of `prefixes`; the rest of such a
 * group is skipped by a search, not walked through, so a page costs O(entries * log n) whatever the size of the bucket.
 * @throws GcsError 400 for a page token of another making
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/list
 */
export function listNames(index: SortedNames, query: ListQuery): NamePage {
  const { prefix, delimiter, maxResults } = query;
  const names: string[] = [];
  const prefixes: string[] = [];
  const start = compareUtf8(query.startOffset, prefix) > 0 ? query.startOffset : prefix;
  let isBefore = query.pageToken === '' ? before(start) : afterToken(query.pageToken);
  let last = '';
  for (;;) {
    let group: string | undefined;
    for (const name of index.from(isBefore)) {
      if (!name.startsWith(prefix)) return { names, prefixes };
      if (query.endOffset !== '' && compareUtf8(name, query.endOffset) >= 0) return { names, prefixes };
      const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
      group = cut === -1 ? undefined : name.slice(0, cut + delimiter.length);
      // The object that is named like its group goes into both lists, on the same page.
      const both = query.includeTrailingDelimiter && name === group;
      const count = names.length + prefixes.length;
      if (count > 0 && count + (both ? 2 : 1) > maxResults) return { names, prefixes, nextPageToken: last };
      if (group === undefined || both) names.push(name);
      last = group === undefined ? toToken('name', name) : toToken('group', group);
      if (group === undefined) continue;
      prefixes.push(group);
      break;
    }
    if (group === undefined) return { names, prefixes };
    isBefore = afterGroup(group);
  }
}

function before(start: string): (name: string) => boolean {
  return (name) => compareUtf8(name, start) < 0;
}

function afterName(last: string): (name: string) => boolean {
  return (name) => compareUtf8(name, last) <= 0;
}

function afterGroup(group: string): (name: string) => boolean {
  return (name) => name.startsWith(group) || compareUtf8(name, group) < 0;
}

type TokenKind = 'name' | 'group';

function toToken(kind: TokenKind, value: string): string {
  return Buffer.from(`${kind}:${value}`).toString('base64');
}

function afterToken(token: string): (name: string) => boolean {
  const text = Buffer.from(token, 'base64').toString('utf8');
  const kind = (['name', 'group'] as const).find((candidate) => text.startsWith(`${candidate}:`));
  if (kind === undefined) throw invalid(`Invalid value for parameter pageToken: '${token}'`);
  const value = text.slice(kind.length + 1);
  return kind === 'name' ? afterName(value) : afterGroup(value);
}
