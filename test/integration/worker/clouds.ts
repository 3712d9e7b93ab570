import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import { AdaptiveLimit } from '@object-transfer/core/runtime/adaptive-limit';
import { ByteBudget } from '@object-transfer/core/runtime/byte-budget';
import type { RetryPolicy } from '@object-transfer/core/runtime/retry';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { createS3ObjectReader } from '@object-transfer/core/storage/s3-object-reader';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import {
  startCloudFrontServer,
  type CloudFrontServer,
} from '@object-transfer/local-cloud/cloudfront/cloudfront-server';
import { startGcsServer, type GcsServer } from '@object-transfer/local-cloud/gcs/gcs-server';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';
import type { Bucket } from '@object-transfer/local-cloud/s3/bucket';
import { startS3Server, type S3Server } from '@object-transfer/local-cloud/s3/s3-server';
import type { TransferContext } from '@object-transfer/worker/cdn-transfer/transfer-context';

const SOURCE_BUCKET = 'source';
export const DESTINATION_BUCKET = 'destination';
const PARTS_PREFIX = '.object-transfer-parts/test:1:00000000/';
const QUICK_RETRIES: RetryPolicy = { maxAttempts: 6, baseDelayMs: 1, maxDelayMs: 5 };
export const never = new AbortController().signal;

type Service = 's3' | 'cdn' | 'gcs';

/** S3, a distribution in front of it, GCS, and adapters that talk to them. */
export class Clouds {
  readonly s3: S3Server;
  readonly cdn: CloudFrontServer;
  readonly gcs: GcsServer;
  readonly lister: ReturnType<typeof createS3ObjectLister>;
  readonly #faults: Map<Service, RequestInterceptor>;
  readonly #adapters: Pick<TransferContext, 'cdn' | 'direct' | 'stater' | 'destination'>;
  readonly #close: () => Promise<void>;

  private constructor(s3: S3Server, cdn: CloudFrontServer, gcs: GcsServer, faults: Map<Service, RequestInterceptor>) {
    this.s3 = s3;
    this.cdn = cdn;
    this.gcs = gcs;
    this.#faults = faults;
    const connection = createS3Connection({
      bucket: SOURCE_BUCKET,
      region: 'us-east-1',
      endpointUrl: s3.url,
      credentials: 'anonymous',
    });
    this.lister = createS3ObjectLister(connection, QUICK_RETRIES);
    const direct = createS3ObjectReader(connection);
    const through = createCdnObjectReader({ urlHostPre: `${cdn.url}/`, signing: { kind: 'none' } });
    const destination = createGcsObjectDestination({
      bucket: DESTINATION_BUCKET,
      emulatorHost: gcs.url,
      listRetryPolicy: QUICK_RETRIES,
    });
    this.#adapters = { cdn: through, direct, stater: createS3ObjectStater(connection), destination };
    this.#close = async () => {
      await Promise.all([through.close(), direct.close(), destination.close()]);
      await Promise.all([cdn.close(), gcs.close()]);
      await s3.close();
    };
  }

  static async start(): Promise<Clouds> {
    const faults = new Map<Service, RequestInterceptor>();
    const intercept = (service: Service) => (request: IncomingMessage, response: ServerResponse) =>
      faults.get(service)?.(request, response) ?? false;
    const s3 = await startS3Server({ buckets: { [SOURCE_BUCKET]: {} }, intercept: intercept('s3') });
    const cdn = await startCloudFrontServer({
      origin: { url: s3.url, bucket: SOURCE_BUCKET },
      includesQueryString: true,
      compresses: true,
      recordsPaths: true,
      intercept: intercept('cdn'),
    });
    const gcs = await startGcsServer({ buckets: [DESTINATION_BUCKET], intercept: intercept('gcs') });
    return new Clouds(s3, cdn, gcs, faults);
  }

  get source(): Bucket {
    return this.s3.bucket(SOURCE_BUCKET);
  }

  /** Looks at every request to a service before it does, until {@link heal}. */
  break(service: Service, interceptor: RequestInterceptor): void {
    this.#faults.set(service, interceptor);
  }

  heal(): void {
    this.#faults.clear();
  }

  transferContext(overrides: Partial<TransferContext> = {}): TransferContext {
    return {
      ...this.#adapters,
      mapping: { s3RootPrefix: '', gcsRootPrefix: '' },
      overwrite: 'if-different',
      namePolicy: 'fail',
      storageClassFor: () => undefined,
      retryPolicy: QUICK_RETRIES,
      partSizeBytes: 1024 * 1024,
      partsPrefix: PARTS_PREFIX,
      limit: new AdaptiveLimit({ initial: 16, min: 1, max: 64 }),
      budget: new ByteBudget(64 * 1024 * 1024),
      ...overrides,
    };
  }

  /** Puts an object into S3 and says what a listing would say of it. */
  put(key: string, ...rest: Parameters<Bucket['put']> extends [string, ...infer Rest] ? Rest : never): ExpectedObject {
    const { size, etag } = this.source.put(key, ...rest);
    return { key, sizeBytes: size, etag };
  }

  /** What is in GCS under a name: its bytes and its resource. */
  arrived(name: string): ReturnType<GcsServer['objects']['object']> {
    return this.gcs.objects.object(DESTINATION_BUCKET, name);
  }

  /** Names of temporary parts that are still there. */
  leftovers(): readonly string[] {
    return this.gcs.objects.names(DESTINATION_BUCKET).filter((name) => name.includes('.object-transfer-parts/'));
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** Answers the first `times` requests that `matches` accepts by `fault`; the others go through. */
export function firstTimes(
  times: number,
  matches: (request: IncomingMessage) => boolean,
  fault: (response: ServerResponse, request: IncomingMessage) => void,
): RequestInterceptor {
  let left = times;
  return (request, response) => {
    if (left === 0 || !matches(request)) return false;
    left--;
    // A request body that nobody reads would keep the connection from its next request.
    request.resume();
    fault(response, request);
    return true;
  };
}

export function isGet(key: string): (request: IncomingMessage) => boolean {
  return ({ method, url }) => method === 'GET' && url?.split('?')[0]?.endsWith(`/${key}`) === true;
}
