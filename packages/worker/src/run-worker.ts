import { errorFields } from '@object-transfer/core/domain/classify-error';
import type { MessageSubscription, ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { consumeMessages } from '@object-transfer/core/runtime/consume-messages';
import type { Logger } from '@object-transfer/core/runtime/logger';
import type { ProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { unlessAborted } from '@object-transfer/core/runtime/unless-aborted';

/** What a worker needs whatever its mode. */
export interface WorkerOptions {
  readonly stateStore: Pick<StateStore, 'reportWorker'>;
  readonly subscription: MessageSubscription;
  readonly identity: ProcessIdentity;
  /** The run that this worker belongs to, where there is one. */
  readonly runId: string | undefined;
  readonly logger: Logger;
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

/** What the mode of a worker adds. */
export interface WorkerMode {
  readonly name: string;
  readonly counters: { toRecord(): Readonly<Record<string, number>> };
  /** Messages in a process's hands. */
  readonly messagesInFlight: number;
  /** Settles a message. Throws the reason of `signal` once that aborts. */
  readonly settle: (message: ReceivedMessage, signal: AbortSignal) => Promise<void>;
}

/** With the 5 s that handlers get to hand back, and the last report, 25 of the 30 s that a preempted VM gets. */
const DRAIN_MS = 17_000;
const RUN_HEARTBEAT_MS = 1_000;
/** A worker whose last report is a minute old is gone: it may miss three. */
const FLEET_HEARTBEAT_MS = 12_500;
/** Of an interval, up or down: workers that were started at once do not go on reporting at once. */
const HEARTBEAT_JITTER = 0.2;
/** What the last report gets: a worker that ends does not wait for a state that is away. */
const LAST_REPORT_MS = 3_000;

/** Takes messages until told to stop, and reports to the state meanwhile. Resolves when nothing is in its hands. */
export async function runWorker(options: WorkerOptions, mode: WorkerMode): Promise<void> {
  const report = () =>
    options.stateStore.reportWorker({
      workerId: options.identity.id,
      runId: options.runId,
      mode: mode.name,
      host: options.identity.host,
      pid: options.identity.pid,
      counters: mode.counters.toRecord(),
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
      maxMessagesInFlight: mode.messagesInFlight,
      maxMessagesPerPull: options.maxMessagesPerPull,
      leaseMs: options.leaseMs,
      drainMs: DRAIN_MS,
      stop: options.stop,
      logger: options.logger,
      handle: mode.settle,
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
