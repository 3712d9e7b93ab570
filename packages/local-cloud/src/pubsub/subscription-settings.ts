import type { RetryPolicy } from './backoff.ts';
import { checkRange, invalidArgument, unimplemented } from './pubsub-errors.ts';
import { parseResourceName } from './resource-name.ts';
import {
  fromMs,
  toMs,
  type WireDeadLetterPolicy,
  type WireDuration,
  type WireRetryPolicy,
  type WireSubscription,
} from './wire-messages.ts';

interface DeadLetterPolicy {
  /** `projects/PROJECT/topics/ID`. */
  readonly topic: string;
  readonly maxDeliveryAttempts: number;
}

export interface SubscriptionSettings {
  readonly ackDeadlineSeconds: number;
  readonly retainAckedMessages: boolean;
  readonly messageRetentionMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Kept and told, not acted on: nothing here lives for a day. Null never expires. */
  readonly expirationTtl: WireDuration | null;
  /** Kept and told, not applied, as Google's emulator does. */
  readonly filter: string;
  readonly deadLetterPolicy: DeadLetterPolicy | undefined;
  readonly retryPolicy: RetryPolicy | undefined;
}

const SECOND_MS = 1000;
const MINUTE_SECONDS = 60;
const DAY_SECONDS = 86_400;
export const MIN_ACK_DEADLINE_SECONDS = 10;
export const MAX_ACK_DEADLINE_SECONDS = 600;
const MIN_RETENTION_SECONDS = 10 * MINUTE_SECONDS;
const MAX_RETENTION_SECONDS = 31 * DAY_SECONDS;
const DEFAULT_RETENTION_SECONDS = 7 * DAY_SECONDS;
const DEFAULT_EXPIRATION: WireDuration = { seconds: String(31 * DAY_SECONDS), nanos: 0 };
const DEFAULT_MAX_DELIVERY_ATTEMPTS = 5;
const MAX_BACKOFF_SECONDS = 600;
const DEFAULT_MINIMUM_BACKOFF_SECONDS = 10;
const MAX_FILTER_BYTES = 256;

/** The fields that UpdateSubscription may name in its mask, as the proto spells them. */
const UPDATABLE = {
  ack_deadline_seconds: 'ackDeadlineSeconds',
  retain_acked_messages: 'retainAckedMessages',
  message_retention_duration: 'messageRetentionDuration',
  labels: 'labels',
  expiration_policy: 'expirationPolicy',
  dead_letter_policy: 'deadLetterPolicy',
  retry_policy: 'retryPolicy',
  push_config: 'pushConfig',
} as const satisfies Record<string, keyof WireSubscription>;
const IMMUTABLE: ReadonlySet<string> = new Set(['name', 'topic', 'filter', 'enable_message_ordering']);

/**
 * Checks what CreateSubscription asks for and fills in Google's defaults.
 * @throws {GrpcError} INVALID_ARGUMENT, or UNIMPLEMENTED for what would change how messages are delivered
 * @see https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#subscription
 */
export function parseSubscription(wire: WireSubscription): SubscriptionSettings {
  refuseOtherDelivery(wire);
  const ackDeadlineSeconds = wire.ackDeadlineSeconds === 0 ? MIN_ACK_DEADLINE_SECONDS : wire.ackDeadlineSeconds;
  checkAckDeadline(ackDeadlineSeconds, MIN_ACK_DEADLINE_SECONDS);
  const retentionSeconds = seconds(wire.messageRetentionDuration, DEFAULT_RETENTION_SECONDS);
  checkRange('message_retention_duration', retentionSeconds, MIN_RETENTION_SECONDS, MAX_RETENTION_SECONDS);
  const expirationTtl = wire.expirationPolicy === null ? DEFAULT_EXPIRATION : wire.expirationPolicy.ttl;
  if (expirationTtl !== null) {
    checkRange('expiration_policy.ttl', seconds(expirationTtl, 0), DAY_SECONDS, Number.MAX_SAFE_INTEGER);
  }
  checkRange('filter_size', Buffer.byteLength(wire.filter), 0, MAX_FILTER_BYTES);
  return {
    ackDeadlineSeconds,
    retainAckedMessages: wire.retainAckedMessages,
    messageRetentionMs: retentionSeconds * SECOND_MS,
    labels: wire.labels,
    expirationTtl,
    filter: wire.filter,
    deadLetterPolicy: wire.deadLetterPolicy === null ? undefined : parseDeadLetterPolicy(wire.deadLetterPolicy),
    retryPolicy: wire.retryPolicy === null ? undefined : parseRetryPolicy(wire.retryPolicy),
  };
}

/**
 * The subscription as the update leaves it: the fields that the mask names from `update`, the others as they are.
 * @throws {GrpcError} INVALID_ARGUMENT for a mask that is empty or names what cannot be changed
 */
export function applyUpdate(
  current: WireSubscription,
  update: WireSubscription,
  paths: readonly string[],
): WireSubscription {
  const request = 'UpdateSubscriptionRequest';
  if (paths.length === 0) {
    throw invalidArgument(`The update_mask in the ${request} must be set, and must contain a non-empty paths list.`);
  }
  const changes = paths.map((path) => {
    const invalid = `Invalid update_mask provided in the ${request}:`;
    if (IMMUTABLE.has(path)) throw invalidArgument(`${invalid} the ${path} field in the Subscription is not mutable.`);
    if (!isUpdatable(path)) throw invalidArgument(`${invalid} ${path} is not a known Subscription field.`);
    return [UPDATABLE[path], update[UPDATABLE[path]]] as const;
  });
  return { ...current, ...Object.fromEntries(changes) };
}

/** What GetSubscription answers. */
export function toWireSubscription(name: string, topic: string, settings: SubscriptionSettings): WireSubscription {
  const { deadLetterPolicy, retryPolicy } = settings;
  return {
    name,
    topic,
    pushConfig: { pushEndpoint: '' },
    bigqueryConfig: null,
    cloudStorageConfig: null,
    bigtableConfig: null,
    ackDeadlineSeconds: settings.ackDeadlineSeconds,
    retainAckedMessages: settings.retainAckedMessages,
    messageRetentionDuration: fromMs(settings.messageRetentionMs),
    labels: settings.labels,
    enableMessageOrdering: false,
    expirationPolicy: { ttl: settings.expirationTtl },
    filter: settings.filter,
    deadLetterPolicy:
      deadLetterPolicy === undefined
        ? null
        : { deadLetterTopic: deadLetterPolicy.topic, maxDeliveryAttempts: deadLetterPolicy.maxDeliveryAttempts },
    retryPolicy:
      retryPolicy === undefined
        ? null
        : {
            minimumBackoff: fromMs(retryPolicy.minimumBackoffMs),
            maximumBackoff: fromMs(retryPolicy.maximumBackoffMs),
          },
    enableExactlyOnceDelivery: false,
  };
}

/**
 * @param minSeconds 0 for a lease that exists (0 gives it up), 10 for a subscription
 * @throws {GrpcError} INVALID_ARGUMENT
 */
export function checkAckDeadline(deadlineSeconds: number, minSeconds: number): void {
  if (deadlineSeconds >= minSeconds && deadlineSeconds <= MAX_ACK_DEADLINE_SECONDS) return;
  throw invalidArgument(
    `Invalid ack deadline given (ack_deadline=${deadlineSeconds}). ` +
      `The ack deadline must be between ${minSeconds} and ${MAX_ACK_DEADLINE_SECONDS} seconds.`,
  );
}

function parseDeadLetterPolicy(wire: WireDeadLetterPolicy): DeadLetterPolicy {
  parseResourceName(wire.deadLetterTopic, 'topics', 'dead_letter_topic');
  const maxDeliveryAttempts = wire.maxDeliveryAttempts === 0 ? DEFAULT_MAX_DELIVERY_ATTEMPTS : wire.maxDeliveryAttempts;
  checkRange('max_delivery_attempts', maxDeliveryAttempts, 5, 100);
  return { topic: wire.deadLetterTopic, maxDeliveryAttempts };
}

function parseRetryPolicy(wire: WireRetryPolicy): RetryPolicy {
  const minimum = seconds(wire.minimumBackoff, DEFAULT_MINIMUM_BACKOFF_SECONDS);
  const maximum = seconds(wire.maximumBackoff, MAX_BACKOFF_SECONDS);
  for (const [name, value] of Object.entries({ minimum_backoff: minimum, maximum_backoff: maximum })) {
    if (value >= 0 && value <= MAX_BACKOFF_SECONDS) continue;
    throw invalidArgument(
      `The value for ${name} is out of bounds. You passed ${value}s in the request, ` +
        `but the value must be between 0s and ${MAX_BACKOFF_SECONDS}s.`,
    );
  }
  if (maximum < minimum) {
    throw invalidArgument(
      `The value for maximum_backoff is too small. You passed ${maximum}s in the request, ` +
        `but the minimum value is ${minimum}s.`,
    );
  }
  return { minimumBackoffMs: minimum * SECOND_MS, maximumBackoffMs: maximum * SECOND_MS };
}

/** Better no subscription than one that delivers otherwise than its owner asked. */
function refuseOtherDelivery(wire: WireSubscription): void {
  if (wire.pushConfig !== null && wire.pushConfig.pushEndpoint !== '') throw unimplemented('Push delivery');
  if (wire.bigqueryConfig !== null || wire.cloudStorageConfig !== null || wire.bigtableConfig !== null) {
    throw unimplemented('Export');
  }
  if (wire.enableMessageOrdering) throw unimplemented('Message ordering');
  if (wire.enableExactlyOnceDelivery) throw unimplemented('Exactly-once delivery');
}

function isUpdatable(path: string): path is keyof typeof UPDATABLE {
  return Object.hasOwn(UPDATABLE, path);
}

function seconds(duration: WireDuration | null, absent: number): number {
  return duration === null ? absent : toMs(duration) / SECOND_MS;
}
