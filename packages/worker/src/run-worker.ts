import type { MessageSubscription, ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import { consumeMessages } from '@object-transfer/core/runtime/consume-messages';
import { beginHeartbeat, type HeartbeatOptions, type HeartbeatSubject } from './report-heartbeat.ts';
import { beginSharingRates, type RateSharing } from './share-rates.ts';

/** What a worker needs whatever its mode. */
export interface WorkerOptions extends HeartbeatOptions {
  readonly subscription: MessageSubscription;
  readonly maxMessagesPerPull: number;
  readonly leaseMs: number;
  /** Nothing more is pulled once it aborts; what is under way is finished or handed back in time. */
  readonly stop: AbortSignal;
}

/** What the mode of a worker adds. */
export interface WorkerMode extends HeartbeatSubject {
  /** Messages in a process's hands. */
  readonly messagesInFlight: number;
  /** Where it moves objects: what it shares with all others that do. */
  readonly sharing?: RateSharing | undefined;
  /** Settles a message. Throws the reason of `signal` once that aborts. */
  readonly settle: (message: ReceivedMessage, signal: AbortSignal) => Promise<void>;
}

/** With the 5 s that handlers get to hand back, and the last report, 25 of the 30 s that a preempted VM gets. */
const DRAIN_MS = 17_000;

/** Takes messages until told to stop, and reports to the state meanwhile. Resolves when nothing is in its hands. */
export async function runWorker(options: WorkerOptions, mode: WorkerMode): Promise<void> {
  await using ending = new AsyncDisposableStack();
  ending.defer(await beginHeartbeat(options, mode, options.stop));
  if (mode.sharing !== undefined) ending.defer(await beginSharingRates(mode.sharing, options.stop));
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
}
