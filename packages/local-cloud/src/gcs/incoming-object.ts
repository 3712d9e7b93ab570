import type { Bucket } from './bucket.ts';
import type { ContentWriter } from './content-store.ts';
import { invalid } from './gcs-error.ts';
import { checkDigest, RunningDigest, type ExpectedDigest } from './object-digest.ts';
import type { ObjectSettings } from './object-settings.ts';
import type { Preconditions } from './preconditions.ts';
import type { GcsStats } from './gcs-stats.ts';
import type { ObjectStore } from './object-store.ts';
import type { StoredObject } from './stored-object.ts';

/** Where an upload ends up, and is counted. */
interface CommitTarget {
  readonly store: ObjectStore;
  readonly stats: GcsStats;
}

/** An object on its way in: what its resource will say, and its bytes as far as they have arrived. */
export class IncomingObject {
  readonly #bucket: Bucket;
  readonly #name: string;
  readonly #settings: ObjectSettings;
  readonly #writer: ContentWriter;
  readonly #digest = new RunningDigest();

  constructor(bucket: Bucket, name: string, settings: ObjectSettings) {
    this.#bucket = bucket;
    this.#name = name;
    this.#settings = settings;
    this.#writer = bucket.contents.create(name);
  }

  write(bytes: Buffer): void {
    this.#digest.update(bytes);
    this.#writer.write(bytes);
  }

  /**
   * Compares the checksums, then makes the object live. Nothing is left behind where this fails.
   * @throws GcsError 400 checksum, 412 precondition, 429 rate
   */
  commit(to: CommitTarget, conditions: Preconditions, ...expected: readonly ExpectedDigest[]): StoredObject {
    const digest = this.#digest.finish();
    try {
      checkDigest(digest, ...expected);
    } catch (error) {
      this.abort();
      throw error;
    }
    const content = this.#writer.finish();
    const object = to.store.insert(
      this.#bucket,
      { ...digest, name: this.#name, settings: this.#settings, content },
      conditions,
    );
    to.stats.countUpload(this.#bucket.name, this.#name);
    return object;
  }

  abort(): void {
    this.#writer.abort();
  }
}

/**
 * GCS refuses an upload whose metadata and media name different content types.
 * @throws GcsError 400
 */
export function checkContentTypes(ofMetadata: unknown, ofMedia: string | undefined): void {
  if (typeof ofMetadata !== 'string' || ofMedia === undefined || ofMetadata === ofMedia) return;
  throw invalid(
    `Content-Type specified in the upload (${ofMedia}) does not match Content-Type specified in metadata (${ofMetadata}).`,
  );
}
