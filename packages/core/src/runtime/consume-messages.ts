import { classifyError, errorFields } from '../domain/classify-error.ts';
import type { MessageSubscription, ReceivedMessage } from '../ports/message-queue.ts';
import type { Logger } from './logger.ts';
import { endsWithin } from './ends-within.ts';
import { backoffDelayMs, type RetryPolicy } from './retry.ts';
import { sleep } from './sleep.ts';

/**
 * Pulls messages and keeps a bounded number of them in the handler's hands, prolonging their leases meanwhile.
 *
 * When `stop` aborts, nothing more is pulled, and the subscription is closed: what waits there is for others to have at once.
 * Messages under way get `drainMs` to finish; then the signal given to the handlers aborts, and what they could not settle
 * is handed back. A pull that fails for good ends the same way, at once. A handler that does not heed its signal is left
 * behind: its message comes back when the lease runs out.
 *
 * The handler settles its message itself; one that it left unsettled by throwing is nacked here with a delay, so that a
 * broken dependency is not hammered. Where it is the queue that is away, that is not waited for: the lease runs out, too.
 */
export interface ConsumeOptions {
  readonly subscription: MessageSubscription;
  readonly maxMessagesInFlight: number;
  /** Upper bound of one pull. */
  readonly maxMessagesPerPull: number;
  readonly leaseMs: number;
  readonly drainMs: number;
  /** What handlers get to end once their signal has aborted; default 5,000. */
  readonly abortGraceMs?: number | undefined;
  /** How long it is tried to hand a message back; default 3,000. */
  readonly handBackMs?: number | undefined;
  /** Waits after pulls that failed and may succeed later, for as often as it takes. */
  readonly pullRetry?: Omit<RetryPolicy, 'maxAttempts'> | undefined;
  readonly stop: AbortSignal;
  readonly logger: Logger;
  readonly handle: (message: ReceivedMessage, signal: AbortSignal) => Promise<void>;
}

const PULL_WAIT_MS = 1_000;
const NACK_DELAY_MS = 10_000;
const ABORT_GRACE_MS = 5_000;
const HAND_BACK_MS = 3_000;
const PULL_RETRY: Omit<RetryPolicy, 'maxAttempts'> = { baseDelayMs: 1_000, maxDelayMs: 15_000 };

/**
 * Resolves after `stop`, when no message is in this process's hands any more, or none that a handler would give back.
 * @throws what a pull threw that is not worth another try, such as StateError `STATE_STORAGE_FULL`
 */
export async function consumeMessages(options: ConsumeOptions): Promise<void> {
  const { stop, logger } = options;
  const work = new AbortController();
  const inFlight = new Map<ReceivedMessage, Promise<void>>();
  const extender = setInterval(() => {
    for (const message of inFlight.keys()) void extendLease(message, options.leaseMs, logger);
  }, options.leaseMs / 3);
  let drainTimer: NodeJS.Timeout | undefined;
  const onStop = () => {
    drainTimer = setTimeout(() => work.abort(new Error('the worker is shutting down')), options.drainMs);
  };
  if (stop.aborted) onStop();
  else stop.addEventListener('abort', onStop, { once: true });
  try {
    try {
      await pullUntilStopped(options, inFlight, work.signal);
    } catch (error) {
      work.abort(error);
      throw error;
    } finally {
      await endWork(options, inFlight, work.signal);
    }
  } finally {
    clearInterval(extender);
    clearTimeout(drainTimer);
    stop.removeEventListener('abort', onStop);
  }
}

/** @throws what closing the subscription threw */
async function endWork(
  options: ConsumeOptions,
  inFlight: ReadonlyMap<ReceivedMessage, Promise<void>>,
  workSignal: AbortSignal,
): Promise<void> {
  const ended = handlersEnded(inFlight, workSignal, options.abortGraceMs ?? ABORT_GRACE_MS);
  const [closed] = await Promise.allSettled([options.subscription.close(), ended]);
  if (inFlight.size > 0) {
    options.logger.warn(
      { messages: inFlight.size },
      'messages were left in the hands of handlers that did not stop in time',
    );
  }
  if (closed.status === 'rejected') throw closed.reason;
}

/** Fills `inFlight` from the subscription. @throws what a pull threw that is not worth another try */
async function pullUntilStopped(
  options: ConsumeOptions,
  inFlight: Map<ReceivedMessage, Promise<void>>,
  workSignal: AbortSignal,
): Promise<void> {
  const { stop } = options;
  // One place to wait in, woken by a message that ends or by the stop: racing promises that outlive the loop would pile up
  // reactions for every message.
  let wake: (() => void) | undefined;
  const onStop = () => wake?.();
  stop.addEventListener('abort', onStop, { once: true });
  let failedPulls = 0;
  try {
    while (!stop.aborted) {
      const room = options.maxMessagesInFlight - inFlight.size;
      if (room <= 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const messages = await pull(options, room, failedPulls);
      failedPulls = messages === undefined ? failedPulls + 1 : 0;
      for (const message of messages ?? []) {
        const done = handleOne(message, options, workSignal).finally(() => {
          inFlight.delete(message);
          wake?.();
        });
        inFlight.set(message, done);
      }
    }
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}

/** @returns `undefined` where the pull failed for now; the wait until the next is over then */
async function pull(
  options: ConsumeOptions,
  room: number,
  failedPulls: number,
): Promise<readonly ReceivedMessage[] | undefined> {
  const { subscription, stop, logger } = options;
  try {
    return await subscription.pull({
      maxMessages: Math.min(room, options.maxMessagesPerPull),
      leaseMs: options.leaseMs,
      waitMs: PULL_WAIT_MS,
      signal: stop,
    });
  } catch (error) {
    if (stop.aborted) return undefined;
    if (!classifyError(error).retryable) throw error;
    const policy = { ...(options.pullRetry ?? PULL_RETRY), maxAttempts: Number.POSITIVE_INFINITY };
    const delayMs = backoffDelayMs(policy, failedPulls + 1);
    logger.warn({ ...errorFields(error), delayMs }, 'pulling messages failed; trying again');
    await sleep(delayMs, stop).catch((reason: unknown) => {
      if (!stop.aborted) throw reason;
    });
    return undefined;
  }
}

/** Waits for the handlers; once `workSignal` has aborted, no longer than `graceMs`. */
async function handlersEnded(
  inFlight: ReadonlyMap<ReceivedMessage, Promise<void>>,
  workSignal: AbortSignal,
  graceMs: number,
): Promise<void> {
  const grace = Promise.withResolvers<void>();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = () => {
    timer = setTimeout(grace.resolve, graceMs);
  };
  if (workSignal.aborted) onAbort();
  else workSignal.addEventListener('abort', onAbort, { once: true });
  await Promise.race([Promise.all(inFlight.values()), grace.promise]);
  clearTimeout(timer);
  workSignal.removeEventListener('abort', onAbort);
}

async function handleOne(message: ReceivedMessage, options: ConsumeOptions, signal: AbortSignal): Promise<void> {
  try {
    await options.handle(message, signal);
  } catch (error) {
    const handedBack = signal.aborted;
    if (!handedBack) {
      options.logger.error(
        { messageId: message.id, ...errorFields(error) },
        'a message could not be handled; it will be redelivered',
      );
    }
    await handBack(message, handedBack ? 0 : NACK_DELAY_MS, options);
  }
}

/** Ends in time: the lease of a message that could not be handed back runs out all the same, and the queue delivers it again. */
async function handBack(message: ReceivedMessage, delayMs: number, options: ConsumeOptions): Promise<void> {
  let failure = {};
  const nacked = message.nack(delayMs).then(
    () => true,
    (error: unknown) => {
      failure = errorFields(error);
      return false;
    },
  );
  const answered = await endsWithin(nacked, options.handBackMs ?? HAND_BACK_MS);
  if (answered && (await nacked)) return;
  options.logger.warn({ messageId: message.id, answered, ...failure }, 'a message could not be handed back');
}

async function extendLease(message: ReceivedMessage, leaseMs: number, logger: Logger): Promise<void> {
  try {
    await message.extendLease(leaseMs);
  } catch (error) {
    logger.warn({ messageId: message.id, ...errorFields(error) }, 'a message lease could not be extended');
  }
}
