import { describeError } from '@object-transfer/core/domain/classify-error';
import type { ExpectedObject } from '@object-transfer/core/domain/source-object';
import type { RetryPolicy } from '@object-transfer/core/runtime/retry';
import { createCdnObjectReader } from '@object-transfer/core/storage/cdn-object-reader';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import type { HttpPoolSettings } from '@object-transfer/core/storage/http-pool';
import { createS3Connection } from '@object-transfer/core/storage/s3-connection';
import { createS3ObjectLister } from '@object-transfer/core/storage/s3-object-lister';
import { createS3ObjectReader } from '@object-transfer/core/storage/s3-object-reader';
import { createS3ObjectStater } from '@object-transfer/core/storage/s3-object-stater';
import type { TransferContext } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { sweepParts } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import { transferObject } from '@object-transfer/worker/cdn-transfer/transfer-object';
import { Clouds, DESTINATION_BUCKET, never, PARTS_BUCKET } from '../fixtures/clouds.ts';
import { pseudoRandomBytes } from '../integration/storage/raw-server.ts';
import { auditObjects, type Discrepancy } from './audit-objects.ts';
import { HttpFaultProxy, type ProxiedRequest } from './http-fault-proxy.ts';
import { legOf, type Leg, type Service } from './http-fault-legs.ts';
import type { HttpFault } from './http-fault.ts';

/** One object for each way of moving one: bytes, the ETag where it is no MD5, and from where on it goes that way. */
const OBJECTS = {
  small: { bytes: 1_001, etag: undefined, way: {} },
  streamed: { bytes: 8_001, etag: undefined, way: { streamFromBytes: 4_000 } },
  /** Longer than one chunk of a session. */
  session: { bytes: 262_149, etag: '0123456789abcdef0123456789abcdef-2', way: { sessionFromBytes: 4_000 } },
  parts: {
    bytes: 50_001,
    etag: '0123456789abcdef0123456789abcdef-5',
    way: { parallelFromBytes: 20_001, partSizeBytes: 20_000 },
  },
} as const;
export type ObjectKind = keyof typeof OBJECTS;
export const OBJECT_KINDS: readonly ObjectKind[] = ['small', 'streamed', 'session', 'parts'];

const QUICK_RETRIES: RetryPolicy = { maxAttempts: 6, baseDelayMs: 1, maxDelayMs: 5 };
const PATIENT: HttpPoolSettings = {
  connections: 64,
  connectTimeoutMs: 30_000,
  headersTimeoutMs: 30_000,
  bodyTimeoutMs: 30_000,
};
/** For peers that have fallen silent. */
export const IMPATIENT: HttpPoolSettings = { ...PATIENT, headersTimeoutMs: 300, bodyTimeoutMs: 300 };

const bodies = new Map<string, Buffer>();

/** The same for the same key and size. */
function bytesOf(count: number, key: string): Buffer {
  const name = `${key} ${count}`;
  const seed = Buffer.from(name).reduce((sum, byte) => (sum * 31 + byte) | 0, 7);
  const body = bodies.get(name) ?? pseudoRandomBytes(count, seed);
  bodies.set(name, body);
  return body;
}

function isListed(object: Partial<ExpectedObject>): object is ExpectedObject {
  return object.etag !== undefined;
}

function passAll(): undefined {
  return undefined;
}

export type Chooser = (leg: Leg, request: ProxiedRequest) => HttpFault | undefined;

/**
 * S3, a distribution and GCS, each behind a proxy that breaks its HTTP, and the adapters of a worker that go through those. At
 * every request to GCS, what bears a final name is held against the source: nothing wrong may be there at any moment.
 */
export class HttpFaultRig {
  readonly clouds: Clouds;
  readonly lister: ReturnType<typeof createS3ObjectLister>;
  readonly proxies: Readonly<Record<Service, HttpFaultProxy>>;
  readonly adapters: Pick<TransferContext, 'cdn' | 'direct' | 'stater' | 'destination'>;
  /** What was seen under a final name that is not the source's. */
  readonly wrongMoments: string[] = [];
  readonly #broken = new Map<Leg, { readonly fault: HttpFault; left: number }>();
  readonly #setChooser: (choose: Chooser) => void;
  readonly #cleanup: AsyncDisposableStack;

  private constructor(
    clouds: Clouds,
    proxies: Readonly<Record<Service, HttpFaultProxy>>,
    setChooser: (choose: Chooser) => void,
    pool: HttpPoolSettings,
    cleanup: AsyncDisposableStack,
  ) {
    this.clouds = clouds;
    this.proxies = proxies;
    this.#setChooser = setChooser;
    this.#cleanup = cleanup;
    const credentials = 'anonymous';
    const endpoint = {
      bucket: clouds.source.name,
      region: 'us-east-1',
      endpointUrl: proxies.s3.url,
      credentials,
    } as const;
    const connection = createS3Connection({ ...endpoint, pool });
    this.lister = createS3ObjectLister(connection, { retryPolicy: QUICK_RETRIES, pageSize: 10 });
    this.adapters = {
      cdn: createCdnObjectReader({ urlHostPre: `${proxies.cdn.url}/`, signing: { kind: 'none' }, pool }),
      direct: createS3ObjectReader(connection),
      stater: createS3ObjectStater(connection),
      destination: createGcsObjectDestination({
        bucket: DESTINATION_BUCKET,
        emulatorHost: proxies.gcs.url,
        listRetryPolicy: QUICK_RETRIES,
        pool,
      }),
    };
    for (const adapter of [this.adapters.cdn, this.adapters.direct, this.adapters.destination]) {
      if (adapter !== undefined) cleanup.defer(() => adapter.close());
    }
    this.#watch();
  }

  static async start(pool: HttpPoolSettings = PATIENT): Promise<HttpFaultRig> {
    await using starting = new AsyncDisposableStack();
    const clouds = await Clouds.start();
    starting.defer(() => clouds.close());
    let choose: Chooser = passAll;
    const proxy = async (service: Service) =>
      starting.use(
        await HttpFaultProxy.start({
          targetUrl: clouds[service].url,
          choose: (request) => choose(legOf(service, request), request),
        }),
      );
    const proxies = { s3: await proxy('s3'), cdn: await proxy('cdn'), gcs: await proxy('gcs') };
    const setChooser = (chosen: Chooser) => {
      choose = chosen;
    };
    return new HttpFaultRig(clouds, proxies, setChooser, pool, starting.move());
  }

  /** Breaks the next `times` requests of a leg, beside what is broken already. */
  break(leg: Leg, fault: HttpFault, times = Number.POSITIVE_INFINITY): void {
    this.#broken.set(leg, { fault, left: times });
    this.chooseBy((asked) => {
      const broken = this.#broken.get(asked);
      return broken !== undefined && broken.left-- > 0 ? broken.fault : undefined;
    });
  }

  /** Breaks what is chosen, and nothing else. */
  chooseBy(choose: Chooser): void {
    this.#setChooser(choose);
  }

  heal(): void {
    this.#broken.clear();
    this.chooseBy(passAll);
  }

  /** Puts an object of a kind into the source, with headers and metadata. */
  put(kind: ObjectKind, key: string = kind): ExpectedObject {
    const { bytes, etag } = OBJECTS[kind];
    return this.clouds.put(key, bytesOf(bytes, key), {
      etag,
      lastModifiedMs: 1_500_000_000_000,
      attributes: { contentType: 'text/x-kind', cacheControl: 'no-transform', userMetadata: { author: 'Zoë' } },
    });
  }

  context(overrides: Partial<TransferContext> = {}): TransferContext {
    const { adapters } = this;
    return this.clouds.transferContext({ ...adapters, parts: adapters.destination, ...overrides });
  }

  /** Moves an object in the way of its kind; S3 is asked for what is not said of it. @returns `transferred`, `skipped`, or the code of the failure */
  async transfer(
    kind: ObjectKind,
    expected: Pick<ExpectedObject, 'key'> & Partial<ExpectedObject>,
    overrides: Partial<TransferContext> = {},
  ): Promise<string> {
    const context = this.context({ ...OBJECTS[kind].way, ...overrides });
    const outcome = await transferObject(
      context,
      { key: expected.key, expected: isListed(expected) ? expected : undefined },
      new Map(),
      never,
    );
    if (context.budget.usedBytes !== 0) throw new Error(`${context.budget.usedBytes} bytes of the budget are lost`);
    if (context.readLimit.active + context.writeLimit.active !== 0) throw new Error('a permit is lost');
    return outcome.status === 'failed' ? describeError(outcome.error).code : outcome.status;
  }

  /** Deletes what uploads have left that were given up and arrived all the same, after their names were deleted. */
  async sweepParts(): Promise<void> {
    await sweepParts({ destination: this.adapters.destination, gcsRootPrefix: '', isDead: () => true }, never);
  }

  /** All that differs, and what was wrong for a moment. */
  async audit(): Promise<readonly Discrepancy[]> {
    const { source, gcs } = this.clouds;
    const momentary = this.wrongMoments.map((name) => ({ kind: 'bytes', name, detail: 'for a moment' }) as const);
    const differences = await auditObjects({
      source,
      gcs,
      destination: DESTINATION_BUCKET,
      partsBuckets: [PARTS_BUCKET],
    });
    return [...momentary, ...differences];
  }

  /** Empties both sides. */
  clear(): void {
    this.heal();
    const { objects } = this.clouds.gcs;
    for (const bucket of [DESTINATION_BUCKET, PARTS_BUCKET]) {
      for (const name of objects.names(bucket)) objects.remove(bucket, name);
    }
    const keys: string[] = [];
    for (const cursor = this.clouds.source.content.cursor(''); cursor.key !== undefined; cursor.advance())
      keys.push(cursor.key);
    for (const key of keys) this.clouds.source.delete(key);
    this.clouds.cdn.invalidate();
    this.wrongMoments.length = 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }

  #watch(): void {
    const { source, gcs } = this.clouds;
    this.clouds.break('gcs', async () => {
      for (const name of gcs.objects.names(DESTINATION_BUCKET)) {
        if (name.includes('.object-transfer-parts/')) continue;
        const wanted = await source.content.stat(name);
        const found = await gcs.objects.object(DESTINATION_BUCKET, name);
        const bytes = wanted?.open(0, wanted.size);
        if (found !== undefined && !(bytes instanceof Uint8Array && found.bytes.equals(bytes)))
          this.wrongMoments.push(name);
      }
      return false;
    });
  }
}
