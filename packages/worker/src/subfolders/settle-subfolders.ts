import { classifyError, describeError, errorFields } from '@object-transfer/core/domain/classify-error';
import { decodeSubfolderMessage, encodeSubfolderMessage } from '@object-transfer/core/domain/message-codec';
import { type CheckFigures, figuresMatch, type Subfolder } from '@object-transfer/core/domain/subfolder';
import type { MessagePublisher, ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { attributeValue } from '@object-transfer/core/queue/attribute-value';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { backoffDelayMs, type RetryPolicy } from '@object-transfer/core/runtime/retry';
import { sleep } from '@object-transfer/core/runtime/sleep';
import { decodeOrDeadLetter } from '../decode-or-dead-letter.ts';
import type { SubfolderCounters } from './subfolder-counters.ts';
import type { WorkResult } from './work-on-subfolder.ts';

/**
 * One message of subfolders that are to be compared or repaired. It is acked only when every subfolder of it is settled:
 *
 *   done     The row has the figures.
 *   skipped  It has been done since the message was published: the queue delivered twice, or somebody else had it.
 *   busy     Somebody is at work on it. That is no error: the message comes back after a while. Where it has come back often,
 *            the row is left to be published once more.
 *   failed   A listing, say. What may pass brings the message back, a few times; then the row gets the error, and the
 *            subfolder goes to the error topic.
 */
export interface SettleSubfoldersContext {
  readonly work: 'syncCheck' | 'rsync';
  /** Does it. @param storesFailure as in `workOnSubfolder` */
  readonly workOn: (
    dirKey: string,
    signal: AbortSignal,
    storesFailure: (error: Error) => boolean,
  ) => Promise<WorkResult>;
  readonly stateStore: Pick<StateStore, 'getSubfolder' | 'withdrawPublished' | 'now'>;
  readonly publisher: Pick<MessagePublisher, 'publish'>;
  readonly errorTopic: string;
  readonly counters: SubfolderCounters;
  readonly logger: Logger;
  /** Deliveries after which failures that may pass are final, and what is busy is left to be published again. */
  readonly maxDeliveries: number;
  /** Between looks at a subfolder that somebody holds; default 250. */
  readonly busyPollMs?: number | undefined;
}

/** A publisher holds a row for the moment between publishing it and marking it as published. */
const BUSY_POLLS = 8;
const BUSY_POLL_MS = 250;

const REDELIVERY_POLICY: RetryPolicy = {
  maxAttempts: Number.POSITIVE_INFINITY,
  baseDelayMs: 15_000,
  maxDelayMs: 600_000,
};

interface FailedSubfolder {
  readonly dirKey: string;
  readonly error: Error;
}

/** @throws the reason of `signal` once it aborts, or what the queue or the state store threw: the message is unsettled then */
export async function settleSubfolders(
  context: SettleSubfoldersContext,
  message: ReceivedMessage,
  signal: AbortSignal,
): Promise<void> {
  const decoded = await decodeOrDeadLetter(context, message, decodeSubfolderMessage);
  if (decoded === undefined) return;
  const { counters, logger, maxDeliveries } = context;
  const isLast = message.deliveryAttempt >= maxDeliveries;
  const isFinal = (error: Error): boolean => isLast || !classifyError(error).retryable;
  const done: CheckFigures[] = [];
  let skipped = 0;
  const busy: string[] = [];
  const failed: FailedSubfolder[] = [];
  for (const dirKey of new Set(decoded.dirs)) {
    const result = await workOnce(context, message, dirKey, isFinal, signal);
    if (result === 'skipped') skipped++;
    else if (result === 'unknown')
      logger.warn({ dirKey }, 'a subfolder of a message has no row in the state: left alone');
    else if (result.status === 'done') done.push(result.figures);
    else if (result.status === 'failed') failed.push({ dirKey, error: result.error });
    else busy.push(dirKey);
  }
  const count = (): void => {
    for (const figures of done) counters.addFigures(figures);
    counters.subfoldersSkipped += skipped;
  };

  const mayPass = failed.filter(({ error }) => !isFinal(error));
  if (mayPass.length > 0 || (busy.length > 0 && !isLast)) {
    const retryAfterMs = Math.max(0, ...mayPass.map(({ error }) => classifyError(error).retryAfterMs ?? 0));
    const delayMs = backoffDelayMs(REDELIVERY_POLICY, message.deliveryAttempt, retryAfterMs);
    for (const { dirKey, error } of mayPass) {
      logger.warn({ dirKey, delayMs, ...errorFields(error) }, 'a subfolder failed for now; its message comes back');
    }
    if (busy.length > 0)
      logger.info({ dirKeys: busy, delayMs }, 'somebody else is at work on it; the message comes back');
    // What has failed for good is told by the delivery that settles the message.
    if (!(await message.nack(delayMs))) return;
    count();
    counters.subfoldersBusy += busy.length;
    return;
  }

  for (const dirKey of busy) {
    logger.warn({ dirKey }, 'somebody was at work on it at every delivery; it is to be published again');
    await context.stateStore.withdrawPublished(dirKey, context.work);
  }
  await handOnFailures(context, message, failed);
  if (!(await message.ack())) return;
  count();
  counters.subfoldersFailed += failed.length;
  counters.messages++;
}

/** Waits a little where somebody holds the row. */
async function workOnce(
  context: SettleSubfoldersContext,
  message: ReceivedMessage,
  dirKey: string,
  storesFailure: (error: Error) => boolean,
  signal: AbortSignal,
): Promise<WorkResult | 'skipped' | 'unknown'> {
  for (let poll = 1; ; poll++) {
    const row = await context.stateStore.getSubfolder(dirKey);
    if (row === undefined) return 'unknown';
    if (isDoneSince(context.work, row, message.publishedAt, await context.stateStore.now())) return 'skipped';
    const result = await context.workOn(dirKey, signal, storesFailure);
    if (result.status !== 'busy' || poll >= BUSY_POLLS || row.syncCheckInProgress || row.rsyncInProgress) return result;
    await sleep(context.busyPollMs ?? BUSY_POLL_MS, signal);
  }
}

/**
 * The columns have whole seconds: what began in the second of the publishing is done again. So is a repair that the row waits
 * for: by a queue whose clock is behind the state's, its message would seem older than the repair before, which did not help. And
 * what began in the future began before the clock was set back, and maybe before the message was published.
 */
function isDoneSince(work: 'syncCheck' | 'rsync', row: Subfolder, publishedAt: Date, now: Date): boolean {
  const { start, end, inProgress, error } =
    work === 'syncCheck'
      ? {
          start: row.syncCheckLastStart,
          end: row.syncCheckLastEnd,
          inProgress: row.syncCheckInProgress,
          error: row.syncCheckError,
        }
      : { start: row.rsyncLastStart, end: row.rsyncLastEnd, inProgress: row.rsyncInProgress, error: row.rsyncError };
  if (inProgress || error !== undefined || start === undefined || end === undefined) return false;
  if (work === 'rsync' && row.rsyncPublished && (!figuresMatch(row) || row.extraCount > 0)) return false;
  return start > publishedAt && start <= now && end >= start;
}

/** One message per failed subfolder, with the reason as attributes. */
async function handOnFailures(
  context: SettleSubfoldersContext,
  message: ReceivedMessage,
  failed: readonly FailedSubfolder[],
): Promise<void> {
  if (failed.length === 0) return;
  const earlier = Number(message.attributes['attempt'] ?? 0);
  const attempt = (Number.isSafeInteger(earlier) ? earlier : 0) + message.deliveryAttempt;
  const described = failed.map(({ dirKey, error }) => ({ dirKey, ...describeError(error) }));
  await context.publisher.publish(
    context.errorTopic,
    described.map(({ dirKey, code, message: reason }) => ({
      data: encodeSubfolderMessage([dirKey]),
      attributes: { attempt: String(attempt), code, message: attributeValue(reason) },
    })),
  );
  for (const { dirKey, code, message: reason } of described) {
    context.logger.error({ dirKey, code, reason }, `a subfolder could not be ${PARTICIPLES[context.work]}`);
  }
}

const PARTICIPLES = { syncCheck: 'compared', rsync: 'repaired' } as const;
