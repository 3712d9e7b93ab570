import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { WORKER_CDN_TRANSFER } from '@object-transfer/core/config/modules';
import { errorFields } from '@object-transfer/core/domain/classify-error';
import { SourceError } from '@object-transfer/core/domain/errors';
import type { ObjectDestination } from '@object-transfer/core/ports/object-destination';
import { AdaptiveLimit } from '@object-transfer/core/runtime/adaptive-limit';
import { ByteBudget } from '@object-transfer/core/runtime/byte-budget';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { DEFAULT_RETRY_POLICY } from '@object-transfer/core/runtime/retry';
import { createGcsObjectDestination } from '@object-transfer/core/storage/gcs-object-destination';
import { runCdnTransfer } from '@object-transfer/worker/cdn-transfer/run-cdn-transfer';
import { partsPrefix } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import type { StorageClassMap, TransferContext } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { TransferCounters } from '@object-transfer/worker/cdn-transfer/transfer-counters';
import { openCdnReader } from './cdn-reader.ts';
import { checkCdn } from './check-cdn.ts';
import type { Environment } from './environment.ts';
import { HeldMessages } from './held-messages.ts';
import type { Backends } from './open-backends.ts';
import type { Services } from './services.ts';
import { openSourceBucket } from './source-bucket.ts';

export type WorkerSettings = ModuleSettings<typeof WORKER_CDN_TRANSFER>;

/** What transfers depend on, whatever the queue and the state. */
type TransferSettings = Omit<
  WorkerSettings,
  'gcpProject' | 'mysqlTable' | 'credentialsSecretId' | 'pubsubSubscriptionId' | 'errorPubsubTopicId'
>;

/** Deliveries of a message whose keys keep failing for something that may pass. */
const MAX_DELIVERIES = 3;

export function openDestination(settings: { readonly gcsBucket: string }, environment: Environment): ObjectDestination {
  return createGcsObjectDestination({ bucket: settings.gcsBucket, emulatorHost: environment.storageEmulatorHost });
}

/** @throws ConfigurationError `CONFIG_BUCKET_MISSING`; DestinationError where it cannot be reached or may not be used */
export async function checkDestination(
  settings: { readonly gcsBucket: string },
  environment: Environment,
  signal: AbortSignal,
): Promise<void> {
  const destination = openDestination(settings, environment);
  try {
    await destination.checkBucket(signal);
  } finally {
    await destination.close();
  }
}

export interface TransferWorker {
  readonly counters: TransferCounters;
  /** Messages that are not settled, and objects whose transfer is under way. */
  readonly held: { readonly messages: number; readonly objects: number };
  /** Finds out before the first message whether the CDN serves what S3 lists. @throws as `checkCdn` */
  checkCdn(signal: AbortSignal): Promise<void>;
  /** Takes messages until `stop` aborts; resolves when nothing is in its hands. */
  run(stop: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** A worker of mode `cdnTransfer`. */
export async function openTransferWorker(options: {
  readonly settings: TransferSettings;
  readonly queues: { readonly subscription: string; readonly errorTopic: string };
  readonly services: Services;
  readonly backends: Pick<Backends, 'stateStore' | 'queue'>;
  readonly identity: ProcessIdentity;
  readonly runId: string | undefined;
  readonly logger: Logger;
}): Promise<TransferWorker> {
  const { settings, services, backends, identity } = options;
  const { environment } = services;
  const source = openSourceBucket(settings, environment);
  const cdn = await openCdnReader(settings, source.connection.endpoint, services);
  const destination = openDestination(settings, environment);
  const counters = new TransferCounters();
  const subscription = new HeldMessages(backends.queue.subscribe(options.queues.subscription));
  const transfer: TransferContext = {
    mapping: settings,
    cdn,
    direct: settings.allowDirectS3 ? source.reader : undefined,
    stater: source.stater,
    destination,
    overwrite: settings.overwrite,
    namePolicy: settings.forbiddenNames,
    storageClassFor: storageClassMap(settings.gcsStorageClass),
    retryPolicy: { ...DEFAULT_RETRY_POLICY, maxAttempts: settings.maxAttempts },
    partSizeBytes: settings.partSizeBytes,
    partsPrefix: partsPrefix(settings.gcsRootPrefix, identity.id),
    limit: new AdaptiveLimit({
      initial: Math.min(settings.initialConcurrency, settings.maxConcurrency),
      min: 1,
      max: settings.maxConcurrency,
    }),
    budget: new ByteBudget(settings.memoryBudgetBytes),
  };
  return {
    counters,
    get held() {
      return { messages: subscription.count, objects: transfer.limit.active };
    },
    checkCdn: async (signal) => {
      const { logger } = options;
      const { s3RootPrefix } = settings;
      try {
        await checkCdn({ cdn, lister: source.lister, s3RootPrefix, filter: () => true, logger }, signal);
      } catch (error) {
        // Transfers need no listing: a worker may be allowed to do without.
        if (!(error instanceof SourceError) || error.code !== 'SOURCE_FORBIDDEN') throw error;
        logger.warn(errorFields(error), 'the bucket may not be listed, so that the CDN was not tried out');
      }
    },
    run: (stop) =>
      runCdnTransfer({
        transfer,
        stateStore: backends.stateStore,
        publisher: backends.queue,
        errorTopic: options.queues.errorTopic,
        counters,
        logger: options.logger,
        maxDeliveries: MAX_DELIVERIES,
        subscription,
        identity,
        runId: options.runId,
        maxMessagesPerPull: settings.numMessages,
        leaseMs: settings.leaseMs,
        stop,
      }),
    close: async () => {
      await Promise.all([cdn.close(), destination.close(), source.close()]);
    },
  };
}

/** A class that the map leaves out gets the bucket's default. */
function storageClassMap(rule: WorkerSettings['gcsStorageClass']): StorageClassMap {
  if (rule === undefined || typeof rule === 'string') return () => rule;
  return (s3StorageClass) => rule[s3StorageClass];
}
