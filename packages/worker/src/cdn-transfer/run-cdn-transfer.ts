import { consumeMessages } from '@object-transfer/core/runtime/consume-messages';
import { errorFields } from '@object-transfer/core/domain/classify-error';
import type { MessageSubscription } from '@object-transfer/core/ports/message-queue';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { settleMessage, type SettleContext } from './settle-message.ts';

export interface CdnTransferOptions extends SettleContext {
  readonly subscription: MessageSubscription;
  readonly identity: ProcessIdentity;
  /** The run that this worker belongs to, where there is one. */
  readonly runId: string | undefined;
  readonly maxMessagesPerPull: number;
  readonly leaseMs: number;
  /** Nothing more is pulled once it aborts; what is under way is finished or handed back in time. */
  readonly stop: AbortSignal;
}

/** Messages in a process's hands: enough for the full concurrency even where a message holds ten objects, as the reference's do. */
const MESSAGES_IN_FLIGHT = 16;
/** Of the 30 s that a preempted VM gets, with some left for handing back. */
const DRAIN_MS = 20_000;
const HEARTBEAT_MS = 1_000;

/** The worker mode `cdnTransfer`: takes object messages until told to stop. Resolves when nothing is in its hands. */
export async function runCdnTransfer(options: CdnTransferOptions): Promise<void> {
  const report = () =>
    options.stateStore.reportWorker({
      workerId: options.identity.id,
      runId: options.runId,
      mode: 'cdnTransfer',
      host: options.identity.host,
      pid: options.identity.pid,
      counters: options.counters.toRecord(),
    });
  await report();
  let reporting = Promise.resolve();
  const heartbeat = setInterval(() => {
    reporting = reporting.then(report).catch((error: unknown) => {
      options.logger.warn(errorFields(error), 'the heartbeat could not be stored');
    });
  }, HEARTBEAT_MS);
  try {
    await consumeMessages({
      subscription: options.subscription,
      maxMessagesInFlight: MESSAGES_IN_FLIGHT,
      maxMessagesPerPull: options.maxMessagesPerPull,
      leaseMs: options.leaseMs,
      drainMs: DRAIN_MS,
      stop: options.stop,
      logger: options.logger,
      handle: (message, signal) => settleMessage(options, message, signal),
    });
  } finally {
    clearInterval(heartbeat);
    await reporting;
    await report();
  }
}
