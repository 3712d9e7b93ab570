import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Bucket, SETTINGS_FILE, type BucketSettings } from './bucket.ts';
import type { Content, ContentStore } from './content-store.ts';
import { GcsError, noSuchBucket, noSuchObject } from './gcs-error.ts';
import { DiscardingContentStore, MemoryContentStore } from './memory-content.ts';
import { checkBucketName, checkObjectName } from './name-rules.ts';
import type { Digest } from './object-digest.ts';
import type { ObjectSettings } from './object-settings.ts';
import { checkBeforeWrite, type Preconditions } from './preconditions.ts';
import type { StoredObject } from './stored-object.ts';

export interface ObjectStoreOptions {
  /** Keep everything below this directory; default in memory. */
  readonly directory?: string | undefined;
  /** Keep checksums and metadata only. Not together with `directory`. */
  readonly discardContent?: boolean | undefined;
  /** Refuse a second write of a name within one second with 429, as GCS may. Default false. */
  readonly limitWritesPerName?: boolean | undefined;
  /** Of buckets that are made without a storage class of their own. Default `STANDARD`. */
  readonly defaultStorageClass?: string | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

export interface NewObject extends Digest {
  readonly name: string;
  readonly settings: ObjectSettings;
  readonly content: Content;
  readonly componentCount?: number | undefined;
}

const WRITE_INTERVAL_MS = 1_000;

/**
 * All buckets, and the rules of changing an object. Every change checks its preconditions and takes effect in one synchronous step,
 * so two requests about one name cannot both find their `ifGenerationMatch` fulfilled.
 */
export class ObjectStore {
  readonly #buckets = new Map<string, Bucket>();
  readonly #options: ObjectStoreOptions;
  readonly #now: () => number;
  readonly #lastWriteMs = new Map<string, number>();
  #lastGeneration = 0;

  /** Opens the buckets that `directory` holds already. */
  constructor(options: ObjectStoreOptions) {
    if (options.directory !== undefined && options.discardContent === true) {
      throw new TypeError('directory and discardContent exclude each other');
    }
    this.#options = options;
    this.#now = options.now ?? Date.now;
    if (options.directory !== undefined) {
      for (const name of existingBuckets(options.directory)) this.#open(name, {});
    }
  }

  buckets(): readonly Bucket[] {
    return [...this.#buckets.values()];
  }

  /** @throws GcsError 404 */
  bucket(name: string): Bucket {
    const bucket = this.#buckets.get(name);
    if (bucket === undefined) throw noSuchBucket();
    return bucket;
  }

  /** @throws GcsError 400 for a name that GCS forbids, 409 where the bucket exists */
  createBucket(name: string, settings: Readonly<Record<string, unknown>> = {}): Bucket {
    checkBucketName(name);
    if (this.#buckets.has(name)) {
      throw new GcsError(
        409,
        'conflict',
        'Your previous request to create the named bucket succeeded and you already own it.',
      );
    }
    return this.#open(name, settings);
  }

  /** @throws GcsError 404, or 409 where the bucket is not empty */
  deleteBucket(name: string): void {
    const bucket = this.bucket(name);
    if (bucket.names.size > 0) throw new GcsError(409, 'conflict', 'The bucket you tried to delete is not empty.');
    this.#buckets.delete(name);
    bucket.destroy();
  }

  /** @throws GcsError 404, also where `generation` is not the live one */
  object(bucketName: string, name: string, generation?: number): StoredObject {
    const object = this.bucket(bucketName).get(name);
    if (object === undefined || (generation !== undefined && generation !== object.generation)) {
      throw noSuchObject(bucketName, name);
    }
    return object;
  }

  /**
   * Makes a new generation. Where this fails the content is removed.
   * @throws GcsError 400 name, 404 bucket, 412 precondition, 429 rate
   */
  insert(bucket: Bucket, created: NewObject, conditions: Preconditions): StoredObject {
    try {
      checkObjectName(created.name);
      checkBeforeWrite(conditions, bucket.get(created.name));
      const timeMs = this.#now();
      this.#countWrite(bucket.name, created.name, timeMs);
      const object: StoredObject = {
        ...created,
        bucket: bucket.name,
        generation: this.#nextGeneration(timeMs),
        metageneration: 1,
        timeCreatedMs: timeMs,
        updatedMs: timeMs,
        timeStorageClassUpdatedMs: timeMs,
      };
      bucket.put(object);
      return object;
    } catch (error) {
      bucket.contents.remove(created.content);
      throw error;
    }
  }

  /** @throws GcsError 412, 429 */
  changeSettings(object: StoredObject, settings: ObjectSettings, conditions: Preconditions): StoredObject {
    checkBeforeWrite(conditions, object);
    const timeMs = this.#now();
    this.#countWrite(object.bucket, object.name, timeMs);
    const classChanged = settings.storageClass !== object.settings.storageClass;
    const changed: StoredObject = {
      ...object,
      settings,
      metageneration: object.metageneration + 1,
      updatedMs: timeMs,
      timeStorageClassUpdatedMs: classChanged ? timeMs : object.timeStorageClassUpdatedMs,
    };
    this.bucket(object.bucket).put(changed);
    return changed;
  }

  /** @throws GcsError 412, 429 */
  remove(object: StoredObject, conditions: Preconditions): void {
    checkBeforeWrite(conditions, object);
    this.#countWrite(object.bucket, object.name, this.#now());
    this.bucket(object.bucket).remove(object);
  }

  close(): void {
    for (const bucket of this.#buckets.values()) bucket.close();
  }

  #open(name: string, settings: Readonly<Record<string, unknown>>): Bucket {
    const created: BucketSettings = {
      location: 'US',
      locationType: 'multi-region',
      storageClass: this.#options.defaultStorageClass ?? 'STANDARD',
      iamConfiguration: { uniformBucketLevelAccess: { enabled: true }, publicAccessPrevention: 'inherited' },
      softDeletePolicy: { retentionDurationSeconds: '0' },
      ...settings,
      timeCreated: new Date(this.#now()).toISOString(),
      metageneration: 1,
    };
    const { directory } = this.#options;
    const bucket =
      directory === undefined
        ? Bucket.inMemory(name, created, this.#contents())
        : Bucket.inDirectory(name, created, join(directory, name));
    this.#lastGeneration = Math.max(this.#lastGeneration, bucket.lastGeneration());
    this.#buckets.set(name, bucket);
    return bucket;
  }

  #contents(): ContentStore {
    return this.#options.discardContent === true ? new DiscardingContentStore() : new MemoryContentStore();
  }

  #nextGeneration(timeMs: number): number {
    this.#lastGeneration = Math.max(this.#lastGeneration + 1, timeMs * 1_000);
    return this.#lastGeneration;
  }

  #countWrite(bucket: string, name: string, timeMs: number): void {
    if (this.#options.limitWritesPerName !== true) return;
    const key = `${bucket}/${name}`;
    const last = this.#lastWriteMs.get(key);
    if (last !== undefined && timeMs - last < WRITE_INTERVAL_MS) {
      throw new GcsError(
        429,
        'rateLimitExceeded',
        `The object ${key} exceeded the rate limit for object mutation operations (create, update, and delete). Please reduce your request rate. See https://cloud.google.com/storage/docs/gcs429.`,
      );
    }
    this.#lastWriteMs.set(key, timeMs);
  }
}

function existingBuckets(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((name) => existsSync(join(directory, name, SETTINGS_FILE)));
}
