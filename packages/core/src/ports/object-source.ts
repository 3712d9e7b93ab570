import type { ExpectedObject, ObjectProperties, SourceObject } from '../domain/source-object.ts';

export interface ListRequest {
  /** Full key prefix; empty lists the bucket. */
  readonly prefix: string;
  /** With `/`, objects below a further slash are summed up as common prefixes. */
  readonly delimiter?: '/' | undefined;
  readonly signal: AbortSignal;
}

export interface SourcePage {
  readonly objects: readonly SourceObject[];
  /** Full prefixes, each ending in the delimiter. */
  readonly commonPrefixes: readonly string[];
}

/** Lists a bucket. */
export interface ObjectLister {
  /**
   * Pages in UTF-8 byte order. A listing that cannot be completed throws; it never ends early.
   * @throws SourceError after bounded retries; ConfigurationError `CONFIG_BUCKET_MISSING` where there is no such bucket
   */
  listObjects(request: ListRequest): AsyncIterable<SourcePage>;
}

export interface ByteRange {
  readonly start: number;
  /** Inclusive, as in the `Range` header. */
  readonly end: number;
}

export interface ReadRequest {
  readonly key: string;
  readonly range?: ByteRange | undefined;
  /** ETag without quotes that the served object must bear (`If-Match`). */
  readonly ifMatch?: string | undefined;
  /**
   * For large bodies: they come through two buffers that are used by turns, and a piece is good only until the next one is
   * asked for.
   */
  readonly streamed?: boolean | undefined;
  /** Asks past a cache, where there is one. */
  readonly bypassCache?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** An answer whose status and, for a range, `Content-Range` were checked. Everything else is for the caller to verify. */
export interface ObjectContent {
  /** Bytes that this body promises; `undefined` where the server does not say (chunked). */
  readonly bodyBytes: number | undefined;
  /** Size of the whole object: from `Content-Range` for a range. */
  readonly objectBytes: number | undefined;
  readonly etag: string | undefined;
  readonly weakEtag: boolean;
  readonly properties: ObjectProperties;
  /** `x-amz-storage-class`; `STANDARD` where S3 leaves it out. */
  readonly storageClass: string;
  readonly lastModified: Date | undefined;
  /** False where the object is encrypted in a way (KMS) that makes its ETag something other than an MD5. */
  readonly etagMayBeMd5: boolean;
  /** How many metadata entries S3 could not carry over HTTP (`x-amz-missing-meta`). */
  readonly missingMetadataCount: number;
  /** True where a cache answered without asking the origin. */
  readonly fromCache: boolean;
  /**
   * The bytes, never decoded. Must be read to its end or cancelled by leaving the loop; a broken connection and a body shorter than
   * promised throw a SourceError.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the connection up without reading the body. */
  cancel(): void;
}

/** A HEAD answer of the source itself, past every cache. */
interface SourceStat extends ExpectedObject {
  readonly properties: ObjectProperties;
  readonly storageClass: string;
  readonly lastModified: Date | undefined;
  readonly etagMayBeMd5: boolean;
}

/** Reads objects, through the CDN or from S3 directly. */
export interface ObjectReader {
  /** @throws SourceError with the code that fits the status; never retries by itself */
  read(request: ReadRequest): Promise<ObjectContent>;
  close(): Promise<void>;
}

/** Asks S3 itself what it has now. */
export interface ObjectStater {
  /** @returns `undefined` where S3 says that there is no such object */
  stat(key: string, signal: AbortSignal): Promise<SourceStat | undefined>;
}
