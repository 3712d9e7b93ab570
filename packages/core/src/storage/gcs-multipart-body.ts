import { randomBytes } from 'node:crypto';
import { DEFAULT_CONTENT_TYPE, type GcsObjectMetadata } from './gcs-object-fields.ts';

/** Random enough never to occur in an object. */
const BOUNDARY = `object-transfer-${randomBytes(24).toString('hex')}`;
const CONTENT_TYPE = `multipart/related; boundary=${BOUNDARY}`;
const CLOSING = Buffer.from(`\r\n--${BOUNDARY}--\r\n`);

/** What stands before and after the content in a request body that tells metadata and content. */
interface MultipartEnvelope {
  readonly contentType: string;
  readonly opening: Buffer;
  readonly closing: Buffer;
}

/** @see https://cloud.google.com/storage/docs/json_api/v1/objects/insert (uploadType=multipart) */
export function multipartEnvelope(metadata: GcsObjectMetadata): MultipartEnvelope {
  const opening = Buffer.from(
    `--${BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n${JSON.stringify(metadata)}\r\n` +
      `--${BOUNDARY}\r\nContent-Type: ${partContentType(metadata.contentType)}\r\n\r\n`,
  );
  return { contentType: CONTENT_TYPE, opening, closing: CLOSING };
}

/** The metadata says it already; the part must say something, and only in printable ASCII. */
function partContentType(contentType: string | undefined): string {
  return contentType !== undefined && /^[\x20-\x7e]+$/.test(contentType) ? contentType : DEFAULT_CONTENT_TYPE;
}
