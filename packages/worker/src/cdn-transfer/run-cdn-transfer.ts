import { consumeMessages } from '@object-transfer/core/runtime/consume-messages';
import { errorFields } from '@object-transfer/core/domain/classify-error';
import type { MessageSubscription } from '@object-transfer/core/ports/message-queue';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { unlessAborted } from '@object-transfer/core/runtime/unless-aborted';
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
/** What the last report gets: a worker that ends does not wait for a state that is away. */
const LAST_REPORT_MS = 3_000;

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
  try {
    await unlessAborted(report(), options.stop);
  } catch (error) {
    if (!options.stop.aborted) throw error;
  }
  const tryToReport = () =>
    report().catch((error: unknown) => {
      options.logger.warn(errorFields(error), 'the heartbeat could not be stored');
    });
  let reporting: Promise<void> | undefined;
  const heartbeat = setInterval(() => {
    // One at a time: while the state is away they would pile up.
    reporting ??= tryToReport().finally(() => {
      reporting = undefined;
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
    const lastReport = Promise.resolve(reporting).then(tryToReport);
    const done = new AbortController();
    await Promise.race([lastReport, sleep(LAST_REPORT_MS, done.signal).catch(() => undefined)]);
    done.abort();
  }
}
