import { invalid } from './gcs-error.ts';

export interface RequestTarget {
  /** The path's segments, percent-decoded one by one: an object name is one segment, whatever it contains. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
  /** The path as it was sent, for answers that must point at the same place. */
  readonly rawPath: string;
}

/**
 * Parses a request line's target as it was sent. `URL` would resolve `..` and thereby change object names.
 * @throws GcsError 400 where a percent escape is not UTF-8
 */
export function parseRequestTarget(url: string): RequestTarget {
  const questionMark = url.indexOf('?');
  const rawPath = questionMark === -1 ? url : url.slice(0, questionMark);
  const rawQuery = questionMark === -1 ? '' : url.slice(questionMark + 1);
  try {
    const segments = rawPath.split('/').slice(1).map(decodeSegment);
    // URLSearchParams replaces malformed escapes silently, and would thereby store an object under another name.
    if (rawQuery.includes('%')) decodeURIComponent(rawQuery);
    return { segments, query: new URLSearchParams(rawQuery), rawPath };
  } catch (error) {
    if (error instanceof URIError) throw invalid('The URL holds a percent escape that is not UTF-8.');
    throw error;
  }
}

function decodeSegment(segment: string): string {
  return segment.includes('%') ? decodeURIComponent(segment) : segment;
}
