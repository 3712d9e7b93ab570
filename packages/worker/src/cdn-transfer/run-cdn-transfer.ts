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
  /**
   * Between two reports to the state, give or take a fifth. Default 1,000 for the worker of a run, which shows what its
   * workers do; 12,500 for any other: hundreds of them share one database.
   */
  readonly heartbeatMs?: number | undefined;
  /** Nothing more is pulled once it aborts; what is under way is finished or handed back in time. */
  readonly stop: AbortSignal;
}

/** Messages in a process's hands: enough for the full concurrency even where a message holds ten objects, as the reference's do. */
const MESSAGES_IN_FLIGHT = 16;
/** With the 5 s that handlers get to hand back, and the last report, 25 of the 30 s that a preempted VM gets. */
const DRAIN_MS = 17_000;
const RUN_HEARTBEAT_MS = 1_000;
/** A worker whose last report is a minute old is gone: it may miss three. */
const FLEET_HEARTBEAT_MS = 12_500;
/** Of an interval, up or down: workers that were started at once do not go on reporting at once. */
const HEARTBEAT_JITTER = 0.2;
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
  const { heartbeatMs = options.runId === undefined ? FLEET_HEARTBEAT_MS : RUN_HEARTBEAT_MS } = options;
  let reporting: Promise<void> | undefined;
  const heartbeat = setInterval(() => {
    // One at a time: while the state is away they would pile up.
    reporting ??= tryToReport().finally(() => {
      reporting = undefined;
    });
  }, jittered(heartbeatMs));
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

function jittered(ms: number): number {
  return ms * (1 + HEARTBEAT_JITTER * (2 * Math.random() - 1));
}
