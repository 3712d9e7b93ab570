import type { OverwritePolicy } from '@object-transfer/core/config/destination-fields';
import type { DestinationObject } from '@object-transfer/core/domain/destination-object';
import type { KeyMappingSettings } from '@object-transfer/core/domain/key-mapping';
import type { NamePolicy } from '@object-transfer/core/domain/object-name-rules';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import type { ObjectReader, ObjectStater } from '@object-transfer/core/ports/object-source';
import type { AdaptiveLimit } from '@object-transfer/core/runtime/adaptive-limit';
import type { ByteBudget } from '@object-transfer/core/runtime/byte-budget';
import type { RateLimit } from '@object-transfer/core/runtime/rate-limit';
import type { RetryPolicy, TriedOut } from '@object-transfer/core/runtime/retry';

/** GCS storage class for an S3 storage class; `undefined` leaves the choice to the bucket's default. */
export type StorageClassMap = (s3StorageClass: string) => string | undefined;

/** What every transfer of a process shares. */
export interface TransferContext {
  readonly mapping: KeyMappingSettings;
  readonly cdn: ObjectReader;
  /** Reads S3 itself where no CDN copy is right; `undefined` where that is not allowed. */
  readonly direct: ObjectReader | undefined;
  readonly stater: ObjectStater;
  readonly destination: ObjectDestination;
  readonly overwrite: OverwritePolicy;
  readonly namePolicy: NamePolicy;
  readonly storageClassFor: StorageClassMap;
  readonly retryPolicy: RetryPolicy;
  /** Objects of this size or more are not held in memory. */
  readonly streamFromBytes: number;
  /** Streams of this size or more that have no MD5 are uploaded in a session; smaller ones are sent in one request. */
  readonly sessionFromBytes: number;
  /** Objects of this size or more move as parallel ranges. */
  readonly parallelFromBytes: number;
  /** Smallest size of such a range. */
  readonly partSizeBytes: number;
  /** Where temporary parts live: the destination, or another bucket of the same location. */
  readonly parts: ObjectDestination;
  /** The name prefix of the temporary parts of this process. */
  readonly partsPrefix: string;
  /** Reads under way at a time. */
  readonly readLimit: AdaptiveLimit;
  /** Writes under way at a time. */
  readonly writeLimit: AdaptiveLimit;
  readonly budget: ByteBudget;
  readonly rates: TransferRates;
}

/** What a process may do per second: its share of what the fleet may. */
export interface TransferRates {
  /** Objects uploaded, composed, rewritten, updated and deleted: GCS counts them alike. */
  readonly writes: RateLimit;
  /** Bytes of objects read from the source, which are those written. */
  readonly bytes: RateLimit;
}

/** From where the bytes are read: each next one costs more and is more certain. */
export const ROUTES = ['cdn', 'cdn-past-cache', 's3'] as const;
export type Route = (typeof ROUTES)[number];

/** What one try of an object is to do. */
export interface TransferPlan {
  readonly name: string;
  readonly expected: ExpectedObject;
  readonly route: Route;
  /** What is under the name now; the write is conditional on exactly that. */
  readonly found: DestinationObject | undefined;
  /** True once S3 turned out to have another version than the listing. */
  readonly changed: boolean;
  /** What of this object has been tried often enough in this delivery, be it one of its parts: trying it all again would not help. */
  readonly triedOut: TriedOut;
}

export type TransferOutcome =
  | {
      readonly status: 'transferred';
      readonly bytes: number;
      readonly changed: boolean;
      readonly route: Route;
      /** Metadata entries that S3 could not carry over HTTP. */
      readonly missingMetadataCount: number;
    }
  | { readonly status: 'skipped' }
  | { readonly status: 'failed'; readonly error: Error };
