import type { DestinationObject } from '../domain/destination-object.ts';
import type { ObjectProperties } from '../domain/source-object.ts';

export interface DestinationListRequest {
  readonly prefix: string;
  readonly delimiter?: '/' | undefined;
  /** First name to list, inclusive. */
  readonly startOffset?: string | undefined;
  /** First name not to list any more. */
  readonly endOffset?: string | undefined;
  /** Largest page wanted; default and maximum 1,000. */
  readonly pageSize?: number | undefined;
  readonly signal: AbortSignal;
}

export interface DestinationPage {
  readonly objects: readonly DestinationObject[];
  readonly commonPrefixes: readonly string[];
}

/** What is to be written, whichever way its bytes are given. */
interface WriteTarget {
  readonly name: string;
  readonly properties: ObjectProperties;
  readonly storageClass?: string | undefined;
  /** MD5 of the content, lower-case hexadecimal, where it is known; GCS checks it likewise. */
  readonly md5?: string | undefined;
  /** `0`: the name must be free. Decimal otherwise. `undefined`: overwrite whatever is there. */
  readonly ifGenerationMatch: string | undefined;
  readonly signal: AbortSignal;
}

/** An object that is in memory. */
export interface WriteRequest extends WriteTarget {
  /** The whole content, in order. */
  readonly content: readonly Uint8Array[];
  /** CRC32C of the content; GCS refuses the write where it computes another. */
  readonly crc32c: number;
}

/** An object whose bytes are given piece by piece. */
export interface UploadRequest extends WriteTarget {
  readonly sizeBytes: number;
  /**
   * What is under the name is not used before its CRC32C has been compared with the one of what was sent. Otherwise GCS
   * does that, by the MD5 or the CRC32C, before anything is under the name.
   */
  readonly temporary?: boolean | undefined;
}

/** Must be finished or aborted. Its methods throw DestinationError, or the reason of the request's signal. */
export interface ObjectUpload {
  /** Resolves once the bytes have been taken: their buffer is the caller's again. */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * To be called after exactly as many bytes as were announced.
   * @param crc32c of them all
   * @returns what GCS has stored
   */
  finish(crc32c: number): Promise<DestinationObject>;
  /** True where {@link finish} has failed and may be called again: GCS has kept the bytes. */
  readonly mayFinishAgain: boolean;
  /** Gives up: nothing will be under the name. After an end it does nothing. */
  abort(): Promise<void>;
}

/** GCS composes at most this many objects in one request. */
export const MAX_COMPOSE_PARTS = 32;

export interface ComposePart {
  readonly name: string;
  readonly generation: string;
}

export interface ComposeRequest {
  readonly name: string;
  /** 1 to {@link MAX_COMPOSE_PARTS} parts, in order; all of the storage class below. */
  readonly parts: readonly ComposePart[];
  /** GCS composes objects of one class into an object of the same class only. */
  readonly storageClass: string;
  readonly signal: AbortSignal;
}

export interface RewriteRequest {
  readonly source: ComposePart;
  /** The bucket that the source lies in; default the destination's own. */
  readonly sourceBucket?: string | undefined;
  readonly name: string;
  /** Takes the place of everything that the source has. */
  readonly properties: ObjectProperties;
  /** `undefined`: the bucket's default. */
  readonly storageClass?: string | undefined;
  /** `0`: the name must be free. Decimal otherwise. `undefined`: overwrite whatever is there. */
  readonly ifGenerationMatch: string | undefined;
  readonly signal: AbortSignal;
}

/** A GCS bucket. No method retries by itself; errors are DestinationError with the code that fits the status. */
export interface ObjectDestination {
  readonly bucket: string;
  /** @throws ConfigurationError `CONFIG_BUCKET_MISSING` where there is no such bucket, DestinationError otherwise */
  checkBucket(signal: AbortSignal): Promise<void>;
  /** Pages in UTF-8 byte order; a listing that cannot be completed (after bounded retries) throws. */
  listObjects(request: DestinationListRequest): AsyncIterable<DestinationPage>;
  /** @returns `undefined` where there is no such object */
  stat(name: string, signal: AbortSignal): Promise<DestinationObject | undefined>;
  /** One request: the object is there whole and checked, or not at all. */
  write(request: WriteRequest): Promise<DestinationObject>;
  /** As {@link write}, for what is not to be held in memory. */
  openUpload(request: UploadRequest): Promise<ObjectUpload>;
  /** Composes a temporary object; what is under the name is overwritten. */
  compose(request: ComposeRequest): Promise<DestinationObject>;
  /** Copies an object within the bucket, content unchanged, as many requests as GCS makes of it. */
  rewrite(request: RewriteRequest): Promise<DestinationObject>;
  /**
   * Sets properties and metadata of an object whose content was found equal; entries that are not named stay, and so
   * does the generation.
   * @throws DestinationError `DESTINATION_PRECONDITION_FAILED` where the object has another generation by now
   */
  updateProperties(name: string, generation: string, properties: ObjectProperties, signal: AbortSignal): Promise<void>;
  /**
   * Deletes one generation for good, in a bucket with versions too; without a generation, what is live.
   * Deleting what is not there is no error.
   */
  delete(name: string, generation: string | undefined, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
