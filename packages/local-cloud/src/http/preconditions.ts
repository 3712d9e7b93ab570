import type { IncomingHttpHeaders } from 'node:http';

/** What conditions are held against. */
export interface Validators {
  /** As in the `ETag` header: quoted, `W/` in front when weak. */
  readonly etag: string;
  /** Milliseconds; fractions of a second do not count. */
  readonly lastModifiedMs: number;
}

/**
 * Evaluates `If-Match`, `If-Unmodified-Since`, `If-None-Match` and `If-Modified-Since` of a GET or HEAD, in the order of
 * precedence of RFC 9110, section 13.2.2.
 * @returns 412, 304 or, when the request goes on, 200
 */
export function evaluatePreconditions(headers: IncomingHttpHeaders, current: Validators): 200 | 304 | 412 {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, current.etag, 'strong')) return 412;
  } else if (isBefore(headers['if-unmodified-since'], current.lastModifiedMs)) {
    return 412;
  }
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, current.etag, 'weak') ? 304 : 200;
  const since = headers['if-modified-since'];
  return since !== undefined && isDate(since) && !isBefore(since, current.lastModifiedMs) ? 304 : 200;
}

/** Whether a range may be answered at all: `If-Range` (RFC 9110, section 13.1.5) is absent or still true. */
export function rangeApplies(headers: IncomingHttpHeaders, current: Validators): boolean {
  const ifRange = headers['if-range'];
  if (typeof ifRange !== 'string') return true;
  if (isDate(ifRange)) return Date.parse(ifRange) === toSecond(current.lastModifiedMs);
  return matches(ifRange, current.etag, 'strong');
}

function matches(list: string, etag: string, comparison: 'strong' | 'weak'): boolean {
  if (list.trim() === '*') return true;
  if (comparison === 'strong' && etag.startsWith('W/')) return false;
  const wanted = etag.replace(/^W\//, '');
  return list.split(',').some((item) => {
    const tag = item.trim();
    if (tag.startsWith('W/')) return comparison === 'weak' && tag.slice(2) === wanted;
    // Tools send ETags without the quotes, and S3 lets them.
    return tag === wanted || `"${tag}"` === wanted;
  });
}

function isDate(text: string): boolean {
  return !text.includes('"') && !Number.isNaN(Date.parse(text));
}

/** Whether the header names a moment before `lastModifiedMs`; no header and no date are not. */
function isBefore(header: string | undefined, lastModifiedMs: number): boolean {
  return header !== undefined && isDate(header) && Date.parse(header) < toSecond(lastModifiedMs);
}

function toSecond(ms: number): number {
  return ms - (ms % 1000);
}
