import { parseEtag, type ObjectProperties } from '../domain/source-object.ts';
import { decodeEncodedWords } from './encoded-words.ts';
import { headerDate, headerInteger, headerText, type ResponseHeaders } from './header-values.ts';

/** What the headers of a GET or HEAD answer of S3, or of a CDN before it, say about an object. */
export interface ObjectHeaders {
  readonly etag: string | undefined;
  readonly weakEtag: boolean;
  readonly properties: ObjectProperties;
  /** `STANDARD` where S3 leaves it out. */
  readonly storageClass: string;
  readonly lastModified: Date | undefined;
  readonly etagMayBeMd5: boolean;
  readonly missingMetadataCount: number;
  readonly fromCache: boolean;
}

const METADATA_PREFIX = 'x-amz-meta-';

/** @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_ResponseSyntax */
export function parseObjectHeaders(headers: ResponseHeaders): ObjectHeaders {
  const etagHeader = headerText(headers, 'etag');
  const parsed = etagHeader === undefined ? undefined : parseEtag(etagHeader);
  return {
    etag: parsed?.etag,
    weakEtag: parsed?.weak ?? false,
    properties: {
      contentType: headerText(headers, 'content-type'),
      cacheControl: headerText(headers, 'cache-control'),
      contentDisposition: headerText(headers, 'content-disposition'),
      contentLanguage: headerText(headers, 'content-language'),
      contentEncoding: storedContentEncoding(headerText(headers, 'content-encoding')),
      metadata: userMetadata(headers),
    },
    storageClass: headerText(headers, 'x-amz-storage-class') ?? 'STANDARD',
    lastModified: headerDate(headers, 'last-modified'),
    etagMayBeMd5: !isEncryptedByKey(headers),
    missingMetadataCount: headerInteger(headers, 'x-amz-missing-meta') ?? 0,
    // `RefreshHit` asked the origin whether the copy is still good.
    fromCache: /^hit\b/i.test(headerText(headers, 'x-cache') ?? ''),
  };
}

function userMetadata(headers: ResponseHeaders): Record<string, string> {
  const entries: [string, string][] = [];
  for (const name in headers) {
    if (!name.startsWith(METADATA_PREFIX)) continue;
    const value = headerText(headers, name);
    if (value !== undefined) entries.push([name.slice(METADATA_PREFIX.length), decodeEncodedWords(value)]);
  }
  return Object.fromEntries(entries);
}

/** `aws-chunked` names a framing of the upload; it is no encoding of what is stored, and S3 may have kept it by mistake. */
function storedContentEncoding(value: string | undefined): string | undefined {
  if (value === undefined || !value.toLowerCase().includes('aws-chunked')) return value;
  const encodings = value.split(',').map((encoding) => encoding.trim());
  const stored = encodings.filter((encoding) => encoding !== '' && encoding.toLowerCase() !== 'aws-chunked');
  return stored.length === 0 ? undefined : stored.join(',');
}

/**
 * The ETag is no MD5 where KMS (`aws:kms`, `aws:kms:dsse`) or the customer's own key encrypts.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
function isEncryptedByKey(headers: ResponseHeaders): boolean {
  const encryption = headerText(headers, 'x-amz-server-side-encryption');
  return (
    (encryption !== undefined && encryption.startsWith('aws:')) ||
    headers['x-amz-server-side-encryption-customer-algorithm'] !== undefined
  );
}
