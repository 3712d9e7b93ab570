import { classifyError, describeError, errorFields } from '@object-transfer/core/domain/classify-error';
import { DestinationError } from '@object-transfer/core/domain/errors';
import { dirKeyOf } from '@object-transfer/core/domain/key-mapping';
import {
  decodeObjectMessage,
  encodeKeyMessage,
  encodeObjectMessage,
  type MessageObject,
  type ObjectMessage,
} from '@object-transfer/core/domain/message-codec';
import type { MessagePublisher, OutgoingMessage, ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import { attributeValue } from '@object-transfer/core/queue/attribute-value';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import type { Logger } from '@object-transfer/core/runtime/logger';
import { backoffDelayMs, type RetryPolicy } from '@object-transfer/core/runtime/retry';
import { decodeOrDeadLetter } from '../decode-or-dead-letter.ts';
import { findExisting } from './find-existing.ts';
import type { TransferContext, TransferOutcome } from './transfer-context.ts';
import type { TransferCounters } from './transfer-counters.ts';
import { type FoundObjects, transferObject } from './transfer-object.ts';

/**
 * One object message. It is acked only when every key of it is settled: transferred, skipped, or failed and handed on
 * to the error topic with its reason. Keys that failed for something that may pass bring the whole message back first,
 * a few times, after a while; the keys that did arrive are skipped then. It is counted when it is settled, and not where its
 * lease was lost by then: whoever has it next counts it.
 */
export interface SettleContext {
  readonly transfer: TransferContext;
  readonly stateStore: StateStore;
  readonly publisher: MessagePublisher;
  readonly errorTopic: string;
  readonly counters: TransferCounters;
  readonly logger: Logger;
  /** Deliveries after which failures that may pass go to the error topic like the others. */
  readonly maxDeliveries: number;
}

/** Between deliveries of a message some of whose keys failed: with the tries of each delivery, about a minute in all. */
const REDELIVERY_POLICY: RetryPolicy = {
  maxAttempts: Number.POSITIVE_INFINITY,
  baseDelayMs: 10_000,
  maxDelayMs: 300_000,
};

interface FailedObject {
  readonly object: MessageObject;
  readonly error: Error;
}

/** @throws the reason of `signal` once it aborts, or what the queue or the state store threw: the message is unsettled then */
export async function settleMessage(
  context: SettleContext,
  message: ReceivedMessage,
  signal: AbortSignal,
): Promise<void> {
  const decoded = await decodeOrDeadLetter(context, message, decodeObjectMessage);
  if (decoded === undefined) return;
  const existing = await findOrRefusal(context.transfer, decoded.objects, signal);
  const failed: FailedObject[] = [];
  const transfers = decoded.objects.map(async (object): Promise<TransferOutcome> => {
    const outcome: TransferOutcome =
      existing instanceof DestinationError
        ? { status: 'failed', error: existing }
        : await transferObject(context.transfer, object, existing, signal);
    if (outcome.status === 'failed') failed.push({ object, error: outcome.error });
    return outcome;
  });
  // An abort ends all of them, and each of them cleans up first.
  await Promise.allSettled(transfers);
  const outcomes = await Promise.all(transfers);

  if (message.deliveryAttempt < context.maxDeliveries && failed.some(({ error }) => classifyError(error).retryable)) {
    const retryAfterMs = Math.max(...failed.map(({ error }) => classifyError(error).retryAfterMs ?? 0));
    const delayMs = backoffDelayMs(REDELIVERY_POLICY, message.deliveryAttempt, retryAfterMs);
    context.logger.warn(
      {
        dir: decoded.dir,
        failed: failed.length,
        deliveryAttempt: message.deliveryAttempt,
        delayMs,
        ...errorFields(failed[0]?.error),
      },
      'objects of a message failed for now; it comes back',
    );
    if (await message.nack(delayMs)) {
      for (const outcome of outcomes) if (outcome.status !== 'failed') context.counters.add(outcome);
    }
    return;
  }

  const settled = outcomes.flatMap((outcome, index) =>
    outcome.status === 'failed' ? [] : [decoded.objects[index]?.key ?? ''],
  );
  await handOnFailures(context, message, decoded, failed);
  if (message.deliveryAttempt > 1 || message.attributes['attempt'] !== undefined) {
    const byDir = Map.groupBy(settled, (key) => dirOf(context, decoded, key));
    for (const [dirKey, keys] of byDir) await context.stateStore.resolveObjectErrors(dirKey, keys);
  }
  if (!(await message.ack())) return;
  for (const outcome of outcomes) context.counters.add(outcome);
  context.counters.messages++;
}

/**
 * What is there already, or GCS's refusal to say, which is then what each of the objects fails of.
 * @throws what may pass, and what GCS did not say: the message is unsettled then
 */
async function findOrRefusal(
  context: TransferContext,
  objects: ObjectMessage['objects'],
  signal: AbortSignal,
): Promise<FoundObjects | DestinationError> {
  try {
    return await findExisting(context, objects, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DestinationError && !classifyError(error).retryable) return error;
    throw error;
  }
}

/** One message per failed key, with the reason as attributes; and the open error in the state store. */
async function handOnFailures(
  context: SettleContext,
  message: ReceivedMessage,
  decoded: ObjectMessage,
  failed: readonly FailedObject[],
): Promise<void> {
  if (failed.length === 0) return;
  const earlierAttempts = Number(message.attributes['attempt'] ?? 0);
  const attempt = (Number.isSafeInteger(earlierAttempts) ? earlierAttempts : 0) + message.deliveryAttempt;
  const described = failed.map(({ object, error }) => ({ object, ...describeError(error) }));
  await context.stateStore.recordObjectErrors(
    described.map(({ object, code, message: reason }) => ({
      dirKey: dirOf(context, decoded, object.key),
      key: object.key,
      code,
      message: reason,
      attempts: attempt,
    })),
  );
  const messages = described.map(({ object, code, message: reason }): OutgoingMessage => ({
    data:
      object.expected === undefined
        ? encodeKeyMessage(object.key)
        : encodeObjectMessage(dirOf(context, decoded, object.key), [object.expected]),
    attributes: { attempt: String(attempt), code, message: attributeValue(reason) },
  }));
  await context.publisher.publish(context.errorTopic, messages);
  for (const { object, code, message: reason } of described) {
    context.logger.error({ dir: decoded.dir, key: object.key, code, reason }, 'an object failed');
  }
}

/** Messages of the reference tool do not say which subfolder their keys belong to. */
function dirOf(context: SettleContext, message: ObjectMessage, key: string): string {
  return message.dir ?? dirKeyOf(context.transfer.mapping, key);
}
