import { buffer } from 'node:stream/consumers';
import { newSettings, readSettings } from './object-settings.ts';
import { RunningDigest } from './object-digest.ts';
import type { ObjectStore } from './object-store.ts';
import { NO_PRECONDITIONS } from './preconditions.ts';
import { toResource, type ObjectResource } from './stored-object.ts';

/** Direct access to what a server stores, past its requests and statistics. */
export class GcsObjects {
  readonly #store: ObjectStore;
  readonly #baseUrl: string;

  constructor(store: ObjectStore, baseUrl: string) {
    this.#store = store;
    this.#baseUrl = baseUrl;
  }

  /** All names of a bucket in UTF-8 byte order. @throws GcsError 404 for an unknown bucket */
  names(bucket: string): string[] {
    return [...this.#store.bucket(bucket).names.from(() => false)];
  }

  /** The resource as a client would get it, `undefined` where there is no such object. @throws GcsError 404 for an unknown bucket */
  resource(bucket: string, name: string): ObjectResource | undefined {
    const object = this.#store.bucket(bucket).get(name);
    return object === undefined ? undefined : toResource(object, this.#baseUrl);
  }

  /**
   * An object with its bytes as they are stored, `undefined` where there is no such object.
   * @throws GcsError 404 for an unknown bucket, 501 where the server discards content
   */
  async object(bucket: string, name: string): Promise<{ resource: ObjectResource; bytes: Buffer } | undefined> {
    const object = this.#store.bucket(bucket).get(name);
    if (object === undefined) return undefined;
    const opened = object.content.open(0, object.content.sizeBytes);
    const bytes = Buffer.isBuffer(opened) ? opened : await buffer(opened);
    return { resource: toResource(object, this.#baseUrl), bytes };
  }

  /**
   * Makes a new generation.
   * @param resource what a client may set: `contentType`, `metadata`, …
   * @throws GcsError 400 for a name or setting that GCS refuses, 404 for an unknown bucket
   */
  put(
    bucketName: string,
    name: string,
    bytes: Buffer | string,
    resource: Readonly<Record<string, unknown>> = {},
  ): ObjectResource {
    const bucket = this.#store.bucket(bucketName);
    const settings = newSettings(readSettings(resource), bucket.settings.storageClass);
    const content = Buffer.from(bytes);
    const digest = new RunningDigest();
    digest.update(content);
    const writer = bucket.contents.create(name);
    writer.write(content);
    const created = { ...digest.finish(), name, settings, content: writer.finish() };
    return toResource(this.#store.insert(bucket, created, NO_PRECONDITIONS), this.#baseUrl);
  }

  /** Returns whether there was such an object. @throws GcsError 404 for an unknown bucket */
  remove(bucketName: string, name: string): boolean {
    const bucket = this.#store.bucket(bucketName);
    const object = bucket.get(name);
    if (object !== undefined) bucket.remove(object);
    return object !== undefined;
  }
}
