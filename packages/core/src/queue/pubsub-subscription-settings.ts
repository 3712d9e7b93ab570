import type { protos } from '@google-cloud/pubsub';
import { ConfigurationError } from '../domain/errors.ts';

type Subscription = protos.google.pubsub.v1.ISubscription;

/** How a subscription should be. */
export interface WantedSubscription {
  /** Full name; anything where left out. */
  readonly topic?: string | undefined;
  /** Full name; no dead-letter policy is missed where left out. */
  readonly deadLetterTopic?: string | undefined;
  readonly ackDeadlineSeconds: number;
}

const DAY_SECONDS = 86_400;
const RETENTION_SECONDS = 7 * DAY_SECONDS;
const RETRY_POLICY = { minimumBackoff: { seconds: 10 }, maximumBackoff: { seconds: 600 } };
/** An ended lease counts as an attempt, and so do the messages of a worker that is preempted: Pub/Sub's default of 5 is soon used up. */
const DELIVERY_ATTEMPTS = 20;

export const DEFAULT_ACK_DEADLINE_SECONDS = 60;

/** What Pub/Sub calls the topic of a subscription whose topic was deleted. */
const DELETED_TOPIC = '_deleted-topic_';

/** @returns the settings of a new subscription: it never expires, and delays what comes back */
export function newSubscription(name: string, topic: string, wanted: WantedSubscription): Subscription {
  return {
    name,
    topic,
    ackDeadlineSeconds: wanted.ackDeadlineSeconds,
    messageRetentionDuration: { seconds: RETENTION_SECONDS },
    // Without a time to live, and unlike no policy at all: never.
    expirationPolicy: {},
    retryPolicy: RETRY_POLICY,
    ...(wanted.deadLetterTopic === undefined
      ? {}
      : { deadLetterPolicy: { deadLetterTopic: wanted.deadLetterTopic, maxDeliveryAttempts: DELIVERY_ATTEMPTS } }),
  };
}

/**
 * @returns what about a subscription that is there does harm and what to do about it, each in a sentence
 * @throws ConfigurationError `CONFIG_QUEUE_MISSING` where its topic is gone or it is detached; `CONFIG_INVALID` where it
 *   belongs to another topic, or to the topic that its messages are dead-lettered to, or cannot be pulled from
 */
export function reviewSubscription(found: Subscription, wanted: WantedSubscription): readonly string[] {
  const name = found.name ?? '';
  refuseUnusable(name, found, wanted);
  const notes: string[] = [];
  const note = (text: string): void => void notes.push(`${name} ${text}`);

  const ttl = found.expirationPolicy === null ? 31 * DAY_SECONDS : secondsOf(found.expirationPolicy?.ttl);
  if (ttl !== undefined) {
    note(`is deleted, with its messages, when nobody has pulled from it for ${inDays(ttl)}: let it never expire`);
  }
  if (found.retryPolicy === null || found.retryPolicy === undefined) {
    const { minimumBackoff, maximumBackoff } = RETRY_POLICY;
    note(
      'has no retry policy, so a message that fails is delivered again at once, over and over: set an exponential ' +
        `backoff of ${minimumBackoff.seconds} s to ${maximumBackoff.seconds} s`,
    );
  }
  const { deadLetterPolicy } = found;
  if (deadLetterPolicy !== null && deadLetterPolicy !== undefined) {
    const attempts = deadLetterPolicy.maxDeliveryAttempts ?? 0;
    if (attempts < DELIVERY_ATTEMPTS) {
      note(
        `gives a message up after ${attempts} deliveries, and each worker that is preempted uses one up: allow ` +
          `${DELIVERY_ATTEMPTS}`,
      );
    }
  } else if (wanted.deadLetterTopic !== undefined) {
    note(
      'has no dead-letter policy, so a message that ends its worker each time is delivered for ever: set one with the ' +
        `topic ${wanted.deadLetterTopic} and ${DELIVERY_ATTEMPTS} deliveries`,
    );
  }
  const deadline = found.ackDeadlineSeconds ?? 0;
  if (deadline < wanted.ackDeadlineSeconds) {
    note(
      `has an ack deadline of ${deadline} s, which holds for whoever pulls without asking for a longer one, as gcloud does: ` +
        `raise it to ${wanted.ackDeadlineSeconds} s`,
    );
  }
  const retention = secondsOf(found.messageRetentionDuration);
  if (retention !== undefined && retention < RETENTION_SECONDS) {
    note(`loses messages that are older than ${inDays(retention)}: keep them for ${inDays(RETENTION_SECONDS)}`);
  }
  if ((found.filter ?? '') !== '') {
    note(`drops every message that its filter does not match (${found.filter}): create it anew without a filter`);
  }
  return notes;
}

/** @throws ConfigurationError `CONFIG_INVALID` where the workers of a topic would take what they failed at in turn, for ever */
export function refuseCircle(name: string, topic: string, deadLetterTopic: string | undefined): void {
  if (topic !== deadLetterTopic) return;
  throw new ConfigurationError(
    'CONFIG_INVALID',
    `${name} belongs to the error topic ${topic} itself, so its workers would be given what they failed at again and ` +
      'again: name another error topic, or another subscription',
    { op: 'GetSubscription', source: name },
  );
}

function refuseUnusable(name: string, found: Subscription, { topic, deadLetterTopic }: WantedSubscription): void {
  const context = { op: 'GetSubscription', source: name };
  if (found.topic === DELETED_TOPIC || found.detached === true) {
    throw new ConfigurationError('CONFIG_QUEUE_MISSING', `the topic of ${name} is gone: create ${name} anew`, context);
  }
  if (topic !== undefined && found.topic !== topic) {
    throw new ConfigurationError('CONFIG_INVALID', `${name} belongs to ${found.topic}, not to ${topic}`, context);
  }
  refuseCircle(name, found.topic ?? '', deadLetterTopic);
  const pushed = (found.pushConfig?.pushEndpoint ?? '') !== '';
  const exported = [found.bigqueryConfig, found.cloudStorageConfig, found.bigtableConfig].some(
    (config) => config !== null && config !== undefined,
  );
  if (pushed || exported) {
    throw new ConfigurationError('CONFIG_INVALID', `${name} cannot be pulled from: it pushes or exports`, context);
  }
}

function secondsOf(duration: protos.google.protobuf.IDuration | null | undefined): number | undefined {
  const seconds = duration?.seconds ?? undefined;
  return seconds === undefined ? undefined : Number(seconds);
}

function inDays(seconds: number): string {
  if (seconds === DAY_SECONDS) return 'a day';
  return seconds % DAY_SECONDS === 0 ? `${seconds / DAY_SECONDS} days` : `${seconds} s`;
}
