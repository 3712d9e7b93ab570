import type { ByteRange } from '../ports/object-source.ts';

/** A `Content-Range` header: which bytes these are, both ends inclusive, and of how many. */
export interface ContentRange extends ByteRange {
  /** `undefined` where the server does not know (`*`). */
  readonly objectBytes: number | undefined;
}

/**
 * @returns `undefined` where the header is absent, malformed, or says that the range cannot be satisfied
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.content-range
 */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(value ?? '');
  if (match === null) return undefined;
  const [start, end] = [Number(match[1]), Number(match[2])];
  const objectBytes = match[3] === '*' ? undefined : Number(match[3]);
  if (end < start || (objectBytes !== undefined && end >= objectBytes)) return undefined;
  return { start, end, objectBytes };
}

export function rangeHeader(range: ByteRange): string {
  return `bytes=${range.start}-${range.end}`;
}
