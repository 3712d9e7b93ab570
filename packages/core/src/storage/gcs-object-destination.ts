import type { DestinationObject } from '../domain/destination-object.ts';
import { ConfigurationError, DestinationError } from '../domain/errors.ts';
import type { ObjectProperties } from '../domain/source-object.ts';
import {
  MAX_COMPOSE_PARTS,
  type ComposeRequest,
  type ObjectDestination,
  type ObjectUpload,
  type RewriteRequest,
  type UploadRequest,
  type WriteRequest,
} from '../ports/object-destination.ts';
import { DEFAULT_RETRY_POLICY, retry, type RetryPolicy } from '../runtime/retry.ts';
import { resolveGcsEndpoint } from './gcs-endpoint.ts';
import { saysBucketIsMissing, type GcsOperation } from './gcs-failure.ts';
import { createGcsJsonApi, jsonBody, type GcsJsonApi } from './gcs-json-api.ts';
import { multipartEnvelope } from './gcs-multipart-body.ts';
import {
  checkMetadataSize,
  encodeCrc32c,
  OBJECT_FIELDS,
  parseGcsObject,
  toGcsInsert,
  toGcsProperties,
} from './gcs-object-fields.ts';
import { listGcsObjects } from './gcs-object-listing.ts';
import { rewriteGcsObject } from './gcs-object-rewrite.ts';
import { createGcsTokenSource, type GcsTokenSource } from './gcs-token-source.ts';
import type { GcsUploadContext } from './gcs-sending.ts';
import { openResumableUpload } from './gcs-upload-session.ts';
import { openMultipartUpload } from './gcs-upload.ts';
import type { HttpPoolSettings } from './http-pool.ts';
import { openConnections, type ObjectConnections } from './object-connections.ts';
import { readAheadBudget } from './listing/list-in-segments.ts';
import { encodeStrictly, queryString } from './query-string.ts';
import type { ReadAheadBudget } from './listing/read-ahead-budget.ts';

export interface GcsDestinationSettings {
  readonly bucket: string;
  /** `STORAGE_EMULATOR_HOST`: another server that speaks the JSON API. */
  readonly emulatorHost?: string | undefined;
  /** Default: Google's application default credentials, and none at all for an emulator. */
  readonly tokens?: GcsTokenSource | undefined;
  readonly pool?: HttpPoolSettings | undefined;
  /** Of listings, and of the check of the bucket, which is not tried as often; nothing else retries by itself. */
  readonly listRetryPolicy?: RetryPolicy | undefined;
  /** Largest number of requests at a time for one listing without a delimiter; default 1. */
  readonly listStreams?: number | undefined;
}

/**
 * A GCS bucket over the JSON API.
 * @throws ConfigurationError `CONFIG_INVALID` for an emulator host that is no URL
 * @see https://cloud.google.com/storage/docs/json_api/v1
 */
export function createGcsObjectDestination(settings: GcsDestinationSettings): ObjectDestination {
  return new GcsObjectDestination(settings);
}

class GcsObjectDestination implements ObjectDestination {
  readonly bucket: string;
  readonly #origin: string;
  readonly #connections: ObjectConnections;
  readonly #tokens: GcsTokenSource | undefined;
  readonly #api: GcsJsonApi;
  readonly #basePath: string;
  readonly #bucketPath: string;
  readonly #objectsPath: string;
  readonly #uploadPath: string;
  readonly #listRetryPolicy: RetryPolicy;
  readonly #listStreams: number;
  readonly #readAhead: ReadAheadBudget;

  constructor(settings: GcsDestinationSettings) {
    const endpoint = resolveGcsEndpoint(settings.emulatorHost);
    const bucketPath = `/storage/v1/b/${encodeStrictly(settings.bucket)}`;
    this.bucket = settings.bucket;
    this.#basePath = endpoint.basePath;
    this.#bucketPath = endpoint.basePath + bucketPath;
    this.#objectsPath = `${endpoint.basePath}${bucketPath}/o`;
    this.#uploadPath = `${endpoint.basePath}/upload${bucketPath}/o`;
    this.#listRetryPolicy = settings.listRetryPolicy ?? DEFAULT_RETRY_POLICY;
    this.#listStreams = settings.listStreams ?? 1;
    this.#readAhead = readAheadBudget(this.#listStreams);
    this.#origin = endpoint.origin;
    this.#connections = openConnections(endpoint.origin, settings.pool);
    this.#tokens = settings.tokens ?? (endpoint.isEmulator ? undefined : createGcsTokenSource());
    this.#api = createGcsJsonApi(this.#connections.pool, this.#tokens);
  }

  async checkBucket(signal: AbortSignal): Promise<void> {
    const { maxAttempts, ...delays } = this.#listRetryPolicy;
    const policy = { ...delays, maxAttempts: Math.min(maxAttempts, MAX_CHECK_ATTEMPTS) };
    try {
      await retry(policy, { signal }, () => this.#getBucket(signal));
    } catch (error) {
      if (!(error instanceof DestinationError) || error.code !== 'DESTINATION_NOT_FOUND') throw error;
      throw new ConfigurationError('CONFIG_BUCKET_MISSING', `there is no GCS bucket ${this.bucket}`, {
        op: error.op,
        destination: error.destination,
        cause: error,
      });
    }
  }

  /** `storage.buckets.get` is not among the permissions of the usual object roles: a listing tells as well. */
  async #getBucket(signal: AbortSignal): Promise<void> {
    const get = this.#operation('buckets.get', '', 'storage.buckets.get');
    try {
      await this.#api.send({ method: 'GET', path: `${this.#bucketPath}?fields=name`, operation: get, signal });
    } catch (error) {
      if (!(error instanceof DestinationError) || error.code !== 'DESTINATION_FORBIDDEN') throw error;
      const list = this.#operation('objects.list', '', 'storage.objects.list');
      const path = `${this.#objectsPath}?maxResults=1&fields=nextPageToken`;
      await this.#api.send({ method: 'GET', path, operation: list, signal });
    }
  }

  listObjects(list: Parameters<ObjectDestination['listObjects']>[0]): ReturnType<ObjectDestination['listObjects']> {
    const context = {
      api: this.#api,
      bucket: this.bucket,
      objectsPath: this.#objectsPath,
      retryPolicy: this.#listRetryPolicy,
      streams: this.#listStreams,
      budget: this.#readAhead,
    };
    return listGcsObjects(context, list);
  }

  async stat(name: string, signal: AbortSignal): Promise<DestinationObject | undefined> {
    const operation = this.#operation('objects.get', name, 'storage.objects.get');
    const path = `${this.#objectPath(name)}?${queryString({ fields: OBJECT_FIELDS })}`;
    try {
      return await this.#api.read({ method: 'GET', path, operation, signal }, asObject(name, operation));
    } catch (error) {
      if (isMissingObject(error)) return undefined;
      throw error;
    }
  }

  /** @see https://cloud.google.com/storage/docs/json_api/v1/objects/insert */
  async write(request: WriteRequest): Promise<DestinationObject> {
    const { name, content, properties, crc32c, ifGenerationMatch, signal } = request;
    const operation = this.#operation('objects.insert', name, WRITE_PERMISSION);
    checkMetadataSize(operation.op, operation.destination, properties.metadata);
    const metadata = { ...toGcsInsert(request), crc32c: encodeCrc32c(crc32c) };
    const path = `${this.#uploadPath}?${queryString({ uploadType: 'multipart', ifGenerationMatch, fields: OBJECT_FIELDS })}`;
    const { contentType, opening, closing } = multipartEnvelope(metadata);
    const body = { contentType, bytes: Buffer.concat([opening, ...content, closing]) };
    return this.#api.read({ method: 'POST', path, body, operation, signal }, asObject(name, operation));
  }

  openUpload(request: UploadRequest): Promise<ObjectUpload> {
    const { name, properties, sizeBytes } = request;
    const operation = this.#operation('objects.insert', name, WRITE_PERMISSION);
    checkMetadataSize(operation.op, operation.destination, properties.metadata);
    const context: GcsUploadContext = {
      api: this.#api,
      tokens: this.#tokens,
      wire: this.#connections.wire,
      origin: this.#origin,
      uploadPath: this.#uploadPath,
      operation,
    };
    const isCheckedFromTheStart =
      request.temporary === true ||
      sizeBytes === 0 ||
      (request.md5 !== undefined && sizeBytes <= MAX_ONE_REQUEST_BYTES);
    return isCheckedFromTheStart ? openMultipartUpload(context, request) : openResumableUpload(context, request);
  }

  /** @see https://cloud.google.com/storage/docs/json_api/v1/objects/compose */
  async compose(request: ComposeRequest): Promise<DestinationObject> {
    const { name, parts, storageClass, signal } = request;
    if (parts.length === 0 || parts.length > MAX_COMPOSE_PARTS) {
      throw new RangeError(`compose takes 1 to ${MAX_COMPOSE_PARTS} parts, not ${parts.length}`);
    }
    const operation = this.#operation('objects.compose', name, WRITE_PERMISSION);
    const path = `${this.#objectPath(name)}/compose?${queryString({ fields: OBJECT_FIELDS })}`;
    const body = jsonBody({
      sourceObjects: parts.map((part) => ({ name: part.name, generation: part.generation })),
      // Left out, it would be the bucket's default, which the parts need not have.
      destination: { storageClass },
    });
    return this.#api.read({ method: 'POST', path, body, operation, signal }, asObject(name, operation));
  }

  rewrite(request: RewriteRequest): Promise<DestinationObject> {
    const { source, sourceBucket = this.bucket, name } = request;
    const permission = `storage.objects.get and ${WRITE_PERMISSION}`;
    const operation = this.#operation('objects.rewrite', name, permission);
    const from = `${this.#basePath}/storage/v1/b/${encodeStrictly(sourceBucket)}/o/${encodeStrictly(source.name)}`;
    const path = `${from}/rewriteTo/b/${encodeStrictly(this.bucket)}/o/${encodeStrictly(name)}`;
    return rewriteGcsObject({ api: this.#api, path, operation }, request);
  }

  /**
   * A patch: metadata entries that it does not name stay.
   * @see https://cloud.google.com/storage/docs/json_api/v1/objects/patch
   */
  async updateProperties(
    name: string,
    generation: string,
    properties: ObjectProperties,
    signal: AbortSignal,
  ): Promise<void> {
    const operation = this.#operation('objects.patch', name, 'storage.objects.update');
    checkMetadataSize(operation.op, operation.destination, properties.metadata);
    const path = `${this.#objectPath(name)}?${queryString({ ifGenerationMatch: generation, fields: 'name' })}`;
    const body = jsonBody(toGcsProperties(properties, undefined));
    await this.#api.send({ method: 'PATCH', path, body, operation, signal });
  }

  /** @see https://cloud.google.com/storage/docs/json_api/v1/objects/delete */
  async delete(name: string, generation: string | undefined, signal: AbortSignal): Promise<void> {
    const operation = this.#operation('objects.delete', name, 'storage.objects.delete');
    const query = queryString({ generation });
    const path = query === '' ? this.#objectPath(name) : `${this.#objectPath(name)}?${query}`;
    try {
      await this.#api.send({ method: 'DELETE', path, operation, signal });
    } catch (error) {
      if (!isMissingObject(error)) throw error;
    }
  }

  close(): Promise<void> {
    return this.#connections.close();
  }

  /** A name is one path segment: its slashes are encoded too. */
  #objectPath(name: string): string {
    return `${this.#objectsPath}/${encodeStrictly(name)}`;
  }

  #operation(op: string, name: string, permission: string): GcsOperation {
    return { op, destination: `gs://${this.bucket}/${name}`, permission };
  }
}

/** A command begins with the check, and somebody may wait to learn that the address is wrong. */
const MAX_CHECK_ATTEMPTS = 3;

/** Beyond this size a session is worth its two more requests: GCS keeps what has arrived of it apart. */
const MAX_ONE_REQUEST_BYTES = 32 * 1024 * 1024;

const WRITE_PERMISSION = 'storage.objects.create (and storage.objects.delete to overwrite)';

/** @see parseGcsObject */
function asObject(name: string, operation: GcsOperation): (answer: { readonly text: string }) => DestinationObject {
  return ({ text }) => parseGcsObject(text, name, operation);
}

function isMissingObject(error: unknown): boolean {
  return error instanceof DestinationError && error.code === 'DESTINATION_NOT_FOUND' && !saysBucketIsMissing(error);
}
