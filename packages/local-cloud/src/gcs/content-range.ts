import { invalid } from './gcs-error.ts';

/** What a request to an upload session carries. */
export type UploadRange =
  /** No bytes: a question how far the upload is, or with a total that is reached, its end. */
  | { readonly kind: 'status'; readonly totalBytes: number | undefined }
  /** Bytes from `start` on; `end` (exclusive) is undefined when they reach to the end of the object, wherever that is. */
  | {
      readonly kind: 'bytes';
      readonly start: number;
      readonly end: number | undefined;
      readonly totalBytes: number | undefined;
    };

/**
 * Reads the Content-Range of a resumable upload's request; without one the body is the whole object.
 * @throws GcsError 400
 * @see https://cloud.google.com/storage/docs/performing-resumable-uploads
 */
export function parseUploadRange(header: string | undefined): UploadRange {
  if (header === undefined) return { kind: 'bytes', start: 0, end: undefined, totalBytes: undefined };
  // An empty last chunk is `bytes 0--1/0` in Google's Node client; `bytes 0-*/*` is its upload in one request.
  const match = /^bytes (?:\*|(\d+)-(-1|\d+|\*))\/(\d+|\*)$/.exec(header.trim());
  if (match === null) throw invalid(`Failed to parse Content-Range header: ${header}`);
  const [, first, last, total] = match;
  const totalBytes = total === '*' ? undefined : Number(total);
  if (first === undefined) return { kind: 'status', totalBytes };
  const start = Number(first);
  const end = last === '*' ? undefined : Number(last) + 1;
  if (end !== undefined && (end < start || end > (totalBytes ?? end))) {
    throw invalid(`Failed to parse Content-Range header: ${header}`);
  }
  return { kind: 'bytes', start, end, totalBytes };
}
