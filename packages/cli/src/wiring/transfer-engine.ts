import { errorFields } from '@object-transfer/core/domain/classify-error';
import { SourceError } from '@object-transfer/core/domain/errors';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { runCdnTransfer } from '@object-transfer/worker/cdn-transfer/run-cdn-transfer';
import { TransferCounters } from '@object-transfer/worker/cdn-transfer/transfer-counters';
import { checkCdn } from './check-cdn.ts';
import { HeldMessages } from './held-messages.ts';
import { limitsOf } from './limits-of.ts';
import type { OpenWorker, OpenWorkerOptions } from './open-worker.ts';
import { openTransfers, type OpenTransfers, type TransferSettings } from './transfer-context.ts';

type CdnTransferSettings = TransferSettings & { readonly numMessages: number; readonly leaseMs: number };

/** Deliveries of a message whose keys keep failing for something that may pass. */
const MAX_DELIVERIES = 3;

/** A worker of mode `cdnTransfer`. @throws ConfigurationError where the key for signed URLs cannot be had or used */
export async function openTransferWorker(options: OpenWorkerOptions<CdnTransferSettings>): Promise<OpenWorker> {
  const { settings, services, backends, identity, queues, logger } = options;
  const transfers = await openTransfers(settings, services, identity);
  const counters = new TransferCounters();
  const subscription = new HeldMessages(backends.queue.subscribe(queues.subscription));
  return {
    counters,
    get held() {
      return { messages: subscription.count, objects: transfers.requestsUnderWay };
    },
    parts: { destination: transfers.transfer.parts, gcsRootPrefix: settings.gcsRootPrefix },
    check: (signal) => checkTransfers(transfers, settings, logger, signal),
    run: (stop, reporting) =>
      runCdnTransfer({
        transfer: transfers.transfer,
        limits: limitsOf(settings),
        stateStore: backends.stateStore,
        publisher: backends.queue,
        errorTopic: queues.errorTopic,
        counters,
        logger,
        maxDeliveries: MAX_DELIVERIES,
        subscription,
        identity,
        ...reporting,
        maxMessagesPerPull: settings.numMessages,
        leaseMs: settings.leaseMs,
        stop,
      }),
    close: () => transfers.close(),
  };
}

/** Finds out whether the CDN serves what S3 lists. @throws as `checkCdn` */
export async function checkTransfers(
  { cdn, source }: OpenTransfers,
  { s3RootPrefix }: { readonly s3RootPrefix: string },
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    await checkCdn({ cdn, lister: source.lister, s3RootPrefix, filter: () => true, logger }, signal);
  } catch (error) {
    // Transfers need no listing: a worker may be allowed to do without.
    if (!(error instanceof SourceError) || error.code !== 'SOURCE_FORBIDDEN') throw error;
    logger.warn(errorFields(error), 'the bucket may not be listed, so that the CDN was not tried out');
  }
}
