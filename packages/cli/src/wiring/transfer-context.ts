import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { WORKER_CDN_TRANSFER } from '@object-transfer/core/config/modules';
import type { ObjectReader } from '@object-transfer/core/ports/object-source';
import { AdaptiveLimit } from '@object-transfer/core/runtime/adaptive-limit';
import { ByteBudget } from '@object-transfer/core/runtime/byte-budget';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { RateLimit } from '@object-transfer/core/runtime/rate-limit';
import { DEFAULT_RETRY_POLICY } from '@object-transfer/core/runtime/retry';
import { partsPrefix } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import type { StorageClassMap, TransferContext } from '@object-transfer/worker/cdn-transfer/transfer-context';
import { openCdnReader } from './cdn-reader.ts';
import { openDestination } from './destination.ts';
import type { Services } from './services.ts';
import { openSourceBucket, type SourceBucket } from './source-bucket.ts';

type WorkerSettings = ModuleSettings<typeof WORKER_CDN_TRANSFER>;

/** What transfers depend on, whatever the queue and the state. */
export type TransferSettings = Omit<
  WorkerSettings,
  | 'gcpProject'
  | 'mysqlTable'
  | 'credentialsSecretId'
  | 'pubsubSubscriptionId'
  | 'errorPubsubTopicId'
  | 'processes'
  | 'numMessages'
  | 'leaseMs'
>;

/** Both sides and the CDN, opened for transfers. */
export interface OpenTransfers {
  readonly transfer: TransferContext;
  readonly source: SourceBucket;
  readonly cdn: ObjectReader;
  close(): Promise<void>;
}

/** @throws ConfigurationError where the key for signed URLs cannot be had or used */
export async function openTransfers(
  settings: TransferSettings,
  services: Services,
  identity: ProcessIdentity,
): Promise<OpenTransfers> {
  const { environment } = services;
  const source = openSourceBucket(settings, environment);
  const cdn = await openCdnReader(settings, source.connection.endpoint, services);
  const destination = openDestination(settings, environment);
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
    // Without limits until the worker knows its share.
    rates: { writes: new RateLimit(), bytes: new RateLimit() },
  };
  return {
    transfer,
    source,
    cdn,
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
