import type { Readable } from 'node:stream';

/** What a store keeps beside the bytes. Names follow the S3 response headers that they become. */
export interface ObjectAttributes {
  readonly contentType?: string | undefined;
  readonly cacheControl?: string | undefined;
  readonly contentDisposition?: string | undefined;
  readonly contentLanguage?: string | undefined;
  readonly contentEncoding?: string | undefined;
  /** The `Expires` header, as text. */
  readonly expires?: string | undefined;
  /** `STANDARD` when left out. `GLACIER` and `DEEP_ARCHIVE` cannot be read unless `restored`. */
  readonly storageClass?: string | undefined;
  readonly restored?: boolean | undefined;
  /** `AES256` or `aws:kms`; the ETag of the latter is not an MD5. */
  readonly serverSideEncryption?: string | undefined;
  /** `x-amz-meta-*` without that prefix; names in lower case, values as Unicode text. */
  readonly userMetadata?: Readonly<Record<string, string>> | undefined;
  /** How many metadata entries S3 could not put into a header: `x-amz-missing-meta`. */
  readonly missingMetadata?: number | undefined;
}

/** One object at one moment. */
export interface StoredObject {
  readonly size: number;
  /** Without quotes: an MD5 in hex, or `…-N` as a multipart upload of N parts leaves it. */
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly attributes: ObjectAttributes;
  /**
   * The bytes `[offset, offset + length)`, which must lie inside the object: at once where that is cheap, else a stream.
   * @throws a file system error, here or on the stream, when the file behind the object has gone
   */
  open(offset: number, length: number): Uint8Array | Readable;
}

type MaybePromise<T> = T | Promise<T>;

/** Walks keys in ascending order of their UTF-8 bytes. A cursor sees the store as it was when the cursor was made. */
export interface KeyCursor {
  /** `undefined` past the last key. */
  readonly key: string | undefined;
  advance(): void;
  /** Moves forward to the first key that is not below `from`; never backward. */
  seek(from: string): void;
  /** The object here; `undefined` when it has gone since. */
  stat(): MaybePromise<StoredObject | undefined>;
}

/** Something that holds objects: a directory, a generator, memory, or a mix. */
export interface ContentSource {
  /** Begins at the first key that is not below `from`. Costs O(log n), and so does `seek`. */
  cursor(from: string): KeyCursor;
  stat(key: string): MaybePromise<StoredObject | undefined>;
}

/** A source that can be written to: what a bucket is made of. */
export interface ContentStore extends ContentSource {
  put(key: string, object: StoredObject): void;
  /** Quiet about keys that do not exist, as S3 is. */
  delete(key: string): void;
}
