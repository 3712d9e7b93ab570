/** One object of the source as a listing or a HEAD reports it. */
export interface SourceObject {
  /** Full S3 key, exactly as S3 has it. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Entity tag without its quotes; never weak. */
  readonly etag: string;
  readonly lastModified: Date;
  /** S3 storage class; `STANDARD` where S3 leaves it out. */
  readonly storageClass: string;
}

/**
 * What a transfer must end up with. Messages of the reference tool carry keys only; for those both are asked from S3
 * before any byte moves.
 */
export interface ExpectedObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
}

/** Headers and metadata that travel with the bytes. Absent fields were absent at the source. */
export interface ObjectProperties {
  readonly contentType?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly contentEncoding?: string | undefined;
  /** User metadata: names in lower case without `x-amz-meta-`, values decoded to Unicode. */
  readonly metadata: Readonly<Record<string, string>>;
}

const MD5_ETAG = /^[0-9a-f]{32}$/;
const ARCHIVED_CLASSES: ReadonlySet<string> = new Set(['GLACIER', 'DEEP_ARCHIVE']);

/**
 * True where an ETag has the form of an MD5. Multipart ETags (`…-N`) have not; ETags of KMS-encrypted objects have the
 * form but are not MD5, which only the object's `x-amz-server-side-encryption` header tells.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
 */
export function hasMd5EtagForm(etag: string): boolean {
  return MD5_ETAG.test(etag);
}

/** True where S3 refuses to serve the bytes until the object is restored: reported, never retried. */
export function isArchivedStorageClass(storageClass: string): boolean {
  return ARCHIVED_CLASSES.has(storageClass);
}

/** Takes the quotes off an `ETag` header or listing value; `weak` says that it bore `W/`. */
export function parseEtag(headerValue: string): { readonly etag: string; readonly weak: boolean } {
  const weak = headerValue.startsWith('W/');
  const quoted = weak ? headerValue.slice(2) : headerValue;
  const etag = quoted.length >= 2 && quoted.startsWith('"') && quoted.endsWith('"') ? quoted.slice(1, -1) : quoted;
  return { etag, weak };
}
