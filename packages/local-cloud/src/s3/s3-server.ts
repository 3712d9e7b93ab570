import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, type ListenOptions, type RunningServer } from '../http/listen.ts';
import { sendBody } from '../http/send-body.ts';
import { Bucket, type BucketOptions } from './bucket.ts';
import { listObjectsV1, listObjectsV2 } from './list-objects.ts';
import { MultipartUploads } from './multipart-uploads.ts';
import { readObject } from './read-object.ts';
import { parseTarget } from './request-target.ts';
import { routeRequest } from './route-request.ts';
import { accessDenied, S3Error } from './s3-error.ts';
import { S3Stats, type S3Operation } from './s3-stats.ts';
import { type Credentials, verifySignature } from './sigv4.ts';
import * as write from './write-object.ts';
import { escapeXml, S3_NAMESPACE, XML_HEAD } from './xml.ts';

export interface S3ServerOptions extends ListenOptions {
  /** By name. CreateBucket adds empty ones. */
  readonly buckets: Readonly<Record<string, BucketOptions>>;
  /** Default `us-east-1`. */
  readonly region?: string | undefined;
  /** When set, every request must carry a Signature Version 4 made with these; when not, no signature is looked at. */
  readonly credentials?: Credentials | undefined;
  /** Host names that signatures may have been made for, beside the `Host` header received. */
  readonly signedHosts?: readonly string[] | undefined;
  /** Counts the reads of every object in `stats.getsByObject`. Default `false`: a million keys take memory. */
  readonly recordsKeys?: boolean | undefined;
  /** The clock that signatures are held against, epoch milliseconds. */
  readonly now?: (() => number) | undefined;
}

export interface S3Server extends RunningServer {
  readonly stats: S3Stats;
  /** @throws Error when there is no such bucket */
  bucket(name: string): Bucket;
}

const MAX_KEY_BYTES = 1024;

/**
 * Starts an S3 for rehearsals and tests: path-style and virtual-hosted addressing, objects from directories,
 * generators and uploads.
 * @throws the listen error, or the file system's error when a directory cannot be read
 */
export async function startS3Server(options: S3ServerOptions): Promise<S3Server> {
  const buckets = new Map<string, Bucket>();
  for (const [name, bucketOptions] of Object.entries(options.buckets))
    buckets.set(name, await Bucket.open(name, bucketOptions));
  const service = new S3Service(buckets, options);
  const server = await listen((request, response) => service.answer(request, response), options);
  return {
    ...server,
    stats: service.stats,
    bucket(name) {
      const bucket = buckets.get(name);
      if (bucket === undefined) throw new Error(`there is no bucket ${name}`);
      return bucket;
    },
  };
}

class S3Service {
  readonly stats: S3Stats;
  readonly #buckets: Map<string, Bucket>;
  readonly #options: S3ServerOptions;
  readonly #uploads = new MultipartUploads();
  readonly #isBucket: (name: string) => boolean;

  constructor(buckets: Map<string, Bucket>, options: S3ServerOptions) {
    this.#buckets = buckets;
    this.#options = options;
    this.#isBucket = (name) => buckets.has(name);
    this.stats = new S3Stats(options.recordsKeys ?? false);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#dispatch(request, response);
    } catch (error) {
      if (!(error instanceof S3Error) || response.headersSent) throw error;
      this.stats.errors += 1;
      await sendError(error, request, response);
    }
  }

  async #dispatch(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '/', headers } = request;
    const target = parseTarget(url, headers.host, this.#isBucket);
    const operation = routeRequest(method, target);
    refuseLongKey(target.key);
    this.stats.operations[operation] += 1;
    const { credentials, signedHosts = [], now = Date.now } = this.#options;
    if (credentials !== undefined) {
      const { rawPath, rawQuery } = target;
      verifySignature({ method, rawPath, rawQuery, headers }, { credentials, signedHosts, nowMs: now() });
    }
    if (target.bucket === undefined) {
      await this.#listBuckets(response);
      return;
    }
    const bucket = this.#buckets.get(target.bucket);
    if (operation === 'CreateBucket') {
      if (bucket === undefined) this.#buckets.set(target.bucket, Bucket.empty(target.bucket));
      await sendBody(response, 200, ['Location', `/${target.bucket}`, 'Content-Length', '0'], undefined);
      return;
    }
    if (bucket === undefined) {
      const details = { BucketName: target.bucket };
      throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist', { details });
    }
    const { key, query } = target;
    const { stats } = this;
    await this.#perform(operation, { bucket, key, query, request, response, stats, uploads: this.#uploads });
  }

  async #perform(operation: Exclude<S3Operation, 'CreateBucket'>, context: write.WriteContext): Promise<void> {
    const { bucket, key, query, request, response, stats } = context;
    switch (operation) {
      case 'GetObject':
      case 'HeadObject':
        return readObject(bucket, key, request, response, stats);
      case 'ListObjectsV2':
        refuseListing(bucket);
        return write.sendXml(response, await listObjectsV2(bucket.content, bucket.name, query));
      case 'ListObjects':
        refuseListing(bucket);
        return write.sendXml(response, await listObjectsV1(bucket.content, bucket.name, query));
      case 'HeadBucket':
        refuseListing(bucket);
        return sendBody(response, 200, ['x-amz-bucket-region', this.#region, 'Content-Length', '0'], undefined);
      case 'GetBucketLocation': {
        // us-east-1 answers an empty constraint.
        const constraint = this.#region === 'us-east-1' ? '' : this.#region;
        return write.sendXml(response, `<LocationConstraint ${S3_NAMESPACE}>${constraint}</LocationConstraint>`);
      }
      case 'PutObject':
        return write.putObject(context);
      case 'DeleteObject':
        return write.deleteObject(context);
      case 'DeleteObjects':
        return write.deleteObjects(context);
      case 'CreateMultipartUpload':
        return write.createMultipartUpload(context);
      case 'UploadPart':
        return write.uploadPart(context);
      case 'CompleteMultipartUpload':
        return write.completeMultipartUpload(context);
      case 'AbortMultipartUpload':
        return write.abortMultipartUpload(context);
      case 'ListBuckets':
        return this.#listBuckets(response);
    }
  }

  get #region(): string {
    return this.#options.region ?? 'us-east-1';
  }

  async #listBuckets(response: ServerResponse): Promise<void> {
    const created = '<CreationDate>2024-01-01T00:00:00.000Z</CreationDate>';
    const buckets = [...this.#buckets.keys()].map(
      (name) => `<Bucket><Name>${escapeXml(name)}</Name>${created}</Bucket>`,
    );
    const owner = '<Owner><ID>local</ID><DisplayName>local</DisplayName></Owner>';
    const list = `<Buckets>${buckets.join('')}</Buckets>`;
    await write.sendXml(response, `<ListAllMyBucketsResult ${S3_NAMESPACE}>${owner}${list}</ListAllMyBucketsResult>`);
  }
}

function refuseLongKey(key: string): void {
  // A unit of UTF-16 takes three bytes at most: short keys need no counting.
  if (key.length * 3 > MAX_KEY_BYTES && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new S3Error(400, 'KeyTooLongError', 'Your key is too long');
  }
}

function refuseListing(bucket: Bucket): void {
  if (!bucket.listBucketAllowed) throw accessDenied();
}

async function sendError(error: S3Error, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const details = Object.entries(error.details).map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`);
  const xml = `${XML_HEAD}<Error><Code>${error.code}</Code><Message>${escapeXml(error.message)}</Message>${details.join('')}<RequestId>LOCAL</RequestId></Error>`;
  const body = Buffer.from(xml);
  const headers = ['Content-Type', 'application/xml', 'Content-Length', String(body.length), ...error.headers];
  await sendBody(response, error.status, headers, request.method === 'HEAD' ? undefined : body);
}
