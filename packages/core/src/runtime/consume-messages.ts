import type { MessageSubscription, ReceivedMessage } from '../ports/message-queue.ts';
import { describeError } from '../domain/classify-error.ts';
import type { Logger } from './logger.ts';

/**
 * Pulls messages and keeps a bounded number of them in the handler's hands, prolonging their leases meanwhile.
 *
 * When `stop` aborts, nothing more is pulled. Messages under way get `drainMs` to finish; then the signal given to the
 * handlers aborts, and what they could not settle is handed back. The handler settles its message itself; one that it
 * left unsettled by throwing is nacked here with a delay, so that a broken dependency is not hammered.
 */
export interface ConsumeOptions {
  readonly subscription: MessageSubscription;
  readonly maxMessagesInFlight: number;
  /** Upper bound of one pull. */
  readonly maxMessagesPerPull: number;
  readonly leaseMs: number;
  readonly drainMs: number;
  readonly stop: AbortSignal;
  readonly logger: Logger;
  readonly handle: (message: ReceivedMessage, signal: AbortSignal) => Promise<void>;
}

const PULL_WAIT_MS = 1_000;
const NACK_DELAY_MS = 10_000;
/** After a failed pull. */
const PULL_RETRY_MS = 1_000;

/** Resolves after `stop`, when no message is in this process's hands any more. */
export async function consumeMessages(options: ConsumeOptions): Promise<void> {
  const { subscription, stop, logger } = options;
  const work = new AbortController();
  const inFlight = new Map<ReceivedMessage, Promise<void>>();
  // One place to sleep in, woken by a message that ends or by the stop: racing promises that outlive the loop would
  // pile up reactions for every message.
  let wake: (() => void) | undefined;
  const extender = setInterval(() => {
    for (const message of inFlight.keys()) void extendLease(message, options.leaseMs, logger);
  }, options.leaseMs / 3);
  let drainTimer: NodeJS.Timeout | undefined;
  const onStop = () => {
    drainTimer = setTimeout(() => work.abort(new Error('the worker is shutting down')), options.drainMs);
    wake?.();
  };
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  const sleep = (ms: number | undefined) =>
    new Promise<void>((resolve) => {
      const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const pull = async (room: number): Promise<readonly ReceivedMessage[]> => {
    try {
      return await subscription.pull({
        maxMessages: Math.min(room, options.maxMessagesPerPull),
        leaseMs: options.leaseMs,
        waitMs: PULL_WAIT_MS,
        signal: stop,
      });
    } catch (error) {
      if (stop.aborted) return [];
      logger.warn(describeError(error), 'pulling messages failed; trying again');
      await sleep(PULL_RETRY_MS);
      return [];
    }
  };

  try {
    while (!stop.aborted) {
      const room = options.maxMessagesInFlight - inFlight.size;
      if (room <= 0) {
        await sleep(undefined);
        continue;
      }
      for (const message of await pull(room)) {
        const done = handleOne(message, options, work.signal).finally(() => {
          inFlight.delete(message);
          wake?.();
        });
        inFlight.set(message, done);
      }
    }
    await Promise.all(inFlight.values());
  } finally {
    clearInterval(extender);
    clearTimeout(drainTimer);
    stop.removeEventListener('abort', onStop);
    await subscription.close();
  }
}

async function handleOne(message: ReceivedMessage, options: ConsumeOptions, signal: AbortSignal): Promise<void> {
  try {
    await options.handle(message, signal);
  } catch (error) {
    const handedBack = signal.aborted;
    if (!handedBack) {
      options.logger.error(
        { messageId: message.id, ...describeError(error) },
        'a message could not be handled; it will be redelivered',
      );
    }
    try {
      await message.nack(handedBack ? 0 : NACK_DELAY_MS);
    } catch (nackError) {
      // Its lease runs out all the same, and the queue delivers it again.
      options.logger.warn({ messageId: message.id, ...describeError(nackError) }, 'a message could not be handed back');
    }
  }
}

async function extendLease(message: ReceivedMessage, leaseMs: number, logger: Logger): Promise<void> {
  try {
    await message.extendLease(leaseMs);
  } catch (error) {
    logger.warn({ messageId: message.id, ...describeError(error) }, 'a message lease could not be extended');
  }
}
