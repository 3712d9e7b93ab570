import { randomBytes } from 'node:crypto';
import type { GcsRequestBody } from './gcs-json-api.ts';
import { DEFAULT_CONTENT_TYPE, type GcsObjectMetadata } from './gcs-object-fields.ts';

/** Random enough never to occur in an object. */
const BOUNDARY = `object-transfer-${randomBytes(24).toString('hex')}`;
const CONTENT_TYPE = `multipart/related; boundary=${BOUNDARY}`;
const CLOSING = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
/** Up to here copying is cheaper than further writes to the socket; beyond, it would double the memory in flight. */
const MAX_COPIED_BYTES = 128 * 1024;

/**
 * Metadata and content as one request body: in one piece where the content is small, in several otherwise.
 * @see https://cloud.google.com/storage/docs/json_api/v1/objects/insert (uploadType=multipart)
 */
export function multipartBody(
  metadata: GcsObjectMetadata,
  content: readonly Uint8Array[],
  contentBytes: number,
): GcsRequestBody {
  const opening = Buffer.from(
    `--${BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(metadata)}\r\n` +
      `--${BOUNDARY}\r\nContent-Type: ${partContentType(metadata.contentType)}\r\n\r\n`,
  );
  const pieces = [opening, ...content, CLOSING];
  const sizeBytes = opening.length + contentBytes + CLOSING.length;
  return {
    contentType: CONTENT_TYPE,
    sizeBytes,
    pieces: contentBytes <= MAX_COPIED_BYTES ? Buffer.concat(pieces) : pieces,
  };
}

/** The metadata says it already; the part must say something, and only in printable ASCII. */
function partContentType(contentType: string | undefined): string {
  return contentType !== undefined && /^[\x20-\x7e]+$/.test(contentType) ? contentType : DEFAULT_CONTENT_TYPE;
}
