import type { ModuleSettings } from '@object-transfer/core/config/load-settings';
import type { WORKER_RSYNC, WORKER_SYNC_CHECK } from '@object-transfer/core/config/modules';
import type { MessageSubscription } from '@object-transfer/core/ports/message-queue';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { syncByGcloud } from '@object-transfer/worker/rsync/gcloud-rsync';
import { checkGcloud } from '@object-transfer/worker/rsync/gcloud-version';
import { runRsync } from '@object-transfer/worker/rsync/run-rsync';
import { SubfolderCounters } from '@object-transfer/worker/subfolders/subfolder-counters';
import { runSyncCheck } from '@object-transfer/worker/sync-check/run-sync-check';
import { openDestination } from './destination.ts';
import { HeldMessages } from './held-messages.ts';
import { limitsOf } from './limits-of.ts';
import { filterOf } from './object-filter.ts';
import type { OpenWorker, OpenWorkerOptions } from './open-worker.ts';
import { openSourceBucket } from './source-bucket.ts';
import { openTransfers, type OpenTransfers } from './transfer-context.ts';
import { checkTransfers } from './transfer-engine.ts';

type SyncCheckSettings = ModuleSettings<typeof WORKER_SYNC_CHECK>;
type RsyncSettings = ModuleSettings<typeof WORKER_RSYNC>;

/** Deliveries of a message whose subfolders keep failing for something that may pass, or are always busy. */
const MAX_DELIVERIES = 5;

/** A worker of mode `syncCheck`. */
export async function openSyncCheckWorker(options: OpenWorkerOptions<SyncCheckSettings>): Promise<OpenWorker> {
  const { settings, services } = options;
  const source = openSourceBucket(settings, services.environment);
  const destination = openDestination(settings, services.environment);
  const counters = new SubfolderCounters();
  const subscription = new HeldMessages(options.backends.queue.subscribe(options.queues.subscription));
  return {
    counters,
    get held() {
      return { messages: subscription.count, objects: 0 };
    },
    check: (signal) => source.check(settings.s3RootPrefix, signal),
    run: (stop, reporting) =>
      runSyncCheck({
        ...workerOptions(options, subscription, counters),
        ...reporting,
        stop,
        mapping: settings,
        lister: source.lister,
        destination,
        filter: filterOf(settings),
        namePolicy: settings.forbiddenNames,
        checkMode: settings.checkMode,
      }),
    close: async () => {
      await Promise.all([destination.close(), source.close()]);
    },
  };
}

/** A worker of mode `rsync`. @throws ConfigurationError where the key for signed URLs cannot be had or used */
export async function openRsyncWorker(options: OpenWorkerOptions<RsyncSettings>): Promise<OpenWorker> {
  const { settings, logger } = options;
  const transfers = await openTransfers(settings, options.services, options.identity);
  const counters = new SubfolderCounters();
  const subscription = new HeldMessages(options.backends.queue.subscribe(options.queues.subscription));
  const isNative = settings.rsyncEngine === 'native';
  const { variables } = options.services.environment;
  return {
    counters,
    get held() {
      return { messages: subscription.count, objects: transfers.requestsUnderWay };
    },
    parts: { destination: transfers.transfer.parts, gcsRootPrefix: settings.gcsRootPrefix },
    check: async (signal) => {
      await transfers.source.check(settings.s3RootPrefix, signal);
      if (isNative) await checkTransfers(transfers, settings, logger, signal);
      else {
        await checkGcloud({ variables }, signal);
        warnOfFilters(settings, logger);
        warnOfLimits(settings, logger);
      }
    },
    run: (stop, reporting) =>
      runRsync({
        ...workerOptions(options, subscription, counters),
        ...reporting,
        stop,
        ...repairOptions(options, transfers),
        limits: limitsOf(settings),
        ...(isNative ? {} : { syncFolder: folderSync(options, transfers) }),
      }),
    close: () => transfers.close(),
  };
}

function warnOfFilters(settings: RsyncSettings, logger: Logger): void {
  const { storageClasses, lastModifiedBefore, lastModifiedAfter, include, exclude } = settings;
  const isFiltered = storageClasses.length + include.length + exclude.length > 0;
  if (!isFiltered && lastModifiedBefore === undefined && lastModifiedAfter === undefined) return;
  logger.warn(
    'gcloud storage rsync knows no filters: what storage_class, last_modified_before, last_modified_after, include or exclude leave out is copied, too',
  );
}

function warnOfLimits({ maxBytesPerSecond, writeRamp }: RsyncSettings, logger: Logger): void {
  if (maxBytesPerSecond === undefined && !writeRamp) return;
  logger.warn('gcloud storage rsync knows nothing of max_bandwidth and write_ramp: it copies as fast as it can');
}

/** What the settings say about a repair. */
export function repairOptions(
  { settings }: Pick<OpenWorkerOptions<RsyncSettings>, 'settings'>,
  { transfer, source }: OpenTransfers,
) {
  return {
    comparison: {
      mapping: settings,
      lister: source.lister,
      destination: transfer.destination,
      filter: filterOf(settings),
      namePolicy: settings.forbiddenNames,
    },
    transfer,
    deleteExtra: settings.deleteExtra,
    maxRsyncAttempts: settings.maxRsyncAttempts,
  };
}

/** `gcloud storage rsync` in place of this program's own engine. */
export function folderSync(
  { settings, services, logger }: Pick<OpenWorkerOptions<RsyncSettings>, 'settings' | 'services' | 'logger'>,
  { source }: OpenTransfers,
): (dirKey: string, signal: AbortSignal) => Promise<void> {
  const { environment } = services;
  const { s3Bucket, gcsBucket, rsyncTimeoutMs: timeoutMs } = settings;
  return (dirKey, signal) =>
    syncByGcloud(
      {
        mapping: settings,
        s3Bucket,
        gcsBucket,
        lister: source.lister,
        awsCredentials: environment.awsCredentials,
        awsRegion: settings.awsRegion ?? environment.awsRegion,
        s3EndpointUrl: environment.s3EndpointUrl,
        storageEmulatorHost: environment.storageEmulatorHost,
        variables: environment.variables,
        timeoutMs,
        logger,
      },
      dirKey,
      signal,
    );
}

function workerOptions(
  options: OpenWorkerOptions<{ readonly numMessages: number; readonly leaseMs: number }>,
  subscription: MessageSubscription,
  counters: SubfolderCounters,
) {
  const { settings, backends, identity, queues, logger } = options;
  return {
    stateStore: backends.stateStore,
    publisher: backends.queue,
    errorTopic: queues.errorTopic,
    counters,
    logger,
    maxDeliveries: MAX_DELIVERIES,
    subscription,
    identity,
    owner: identity.id,
    maxMessagesPerPull: settings.numMessages,
    leaseMs: settings.leaseMs,
  };
}
