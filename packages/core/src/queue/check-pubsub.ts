import { status } from '@grpc/grpc-js';
import { errorFields } from '../domain/classify-error.ts';
import type { Patience } from '../config/call-google-service.ts';
import type { Logger } from '../runtime/logger.ts';
import { unlessAborted } from '../runtime/unless-aborted.ts';
import { PubsubConnection, type PubsubConnectionOptions } from './pubsub-connection.ts';
import { DEFAULT_ACK_DEADLINE_SECONDS, reviewSubscription } from './pubsub-subscription-settings.ts';

export interface CheckPubsubOptions extends PubsubConnectionOptions {
  /** Told when Pub/Sub does not answer at first. */
  readonly logger?: Logger | undefined;
  /** Ends the check. */
  readonly signal?: AbortSignal | undefined;
}

export interface TopicExpectation {
  /** A topic without any subscription is named: what is published to it is lost. Default false. */
  readonly expectsSubscription?: boolean | undefined;
}

export interface SubscriptionExpectation {
  /** Id or full name of the topic that it must belong to. */
  readonly topic?: string | undefined;
  /** The topic must be another than that of the subscription. Given, a missing dead-letter policy is named. */
  readonly deadLetterTopic?: string | undefined;
  /** Default 60. */
  readonly ackDeadlineSeconds?: number | undefined;
}

/** Somebody may be waiting at a terminal; a host that takes no connection says nothing until the time of a try is over. */
const CHECK_PATIENCE: Patience = {
  attemptTimeoutMs: 5_000,
  totalTimeoutMs: 30_000,
  retries: { maxAttempts: Number.POSITIVE_INFINITY, baseDelayMs: 250, maxDelayMs: 5_000 },
};

/**
 * Looks whether a topic is there, for commands that want to fail before they begin.
 * @returns warnings, each a sentence: also where this process may not look, though it may be allowed to publish
 * @throws ConfigurationError `CONFIG_QUEUE_MISSING`, `CONFIG_INVALID`, `CONFIG_ACCESS_DENIED`; ServiceError; the reason of
 *   the signal
 */
export async function checkTopic(
  options: CheckPubsubOptions,
  topic: string,
  expected: TopicExpectation = {},
): Promise<readonly string[]> {
  return checking(options, async (connection, onRetry) => {
    const name = connection.topicName(topic);
    const { publisher } = connection;
    const found = await connection.call({ op: 'GetTopic', resource: name, onRetry }, (callOptions) =>
      ifAllowed(publisher.getTopic({ topic: name }, callOptions)),
    );
    if (found instanceof Error) return [unseen(name, 'pubsub.topics.get', found)];
    if (expected.expectsSubscription !== true) return [];
    const listing = await connection.call({ op: 'ListTopicSubscriptions', resource: name, onRetry }, (callOptions) =>
      ifAllowed(publisher.listTopicSubscriptions({ topic: name }, { ...callOptions, autoPaginate: false })),
    );
    // Whoever may publish and not list is told nothing: that is how it should be.
    if (listing instanceof Error) return [];
    const [subscriptions, nextPage] = listing;
    const lonely = subscriptions.length === 0 && nextPage === null;
    return lonely ? [`${name} has no subscription: what is published to it is lost. Create one first`] : [];
  });
}

/**
 * Looks whether a subscription is there and what about it does harm.
 * @returns warnings, each a sentence
 * @throws as {@link checkTopic}; ConfigurationError `CONFIG_INVALID` where it belongs to another topic, or to the dead-letter
 *   topic itself, or is not pulled from
 */
export async function checkSubscription(
  options: CheckPubsubOptions,
  subscription: string,
  expected: SubscriptionExpectation = {},
): Promise<readonly string[]> {
  return checking(options, async (connection, onRetry) => {
    const name = connection.subscriptionName(subscription);
    const { topic, deadLetterTopic } = expected;
    const wanted = {
      topic: topic === undefined ? undefined : connection.topicName(topic),
      deadLetterTopic: deadLetterTopic === undefined ? undefined : connection.topicName(deadLetterTopic),
      ackDeadlineSeconds: expected.ackDeadlineSeconds ?? DEFAULT_ACK_DEADLINE_SECONDS,
    };
    const found = await connection.call({ op: 'GetSubscription', resource: name, onRetry }, (callOptions) =>
      ifAllowed(connection.subscriber.getSubscription({ subscription: name }, callOptions)),
    );
    if (found instanceof Error) return [unseen(name, 'pubsub.subscriptions.get', found)];
    return reviewSubscription(found[0], wanted);
  });
}

/** Runs a check over a connection of its own. */
async function checking<T>(
  options: CheckPubsubOptions,
  check: (connection: PubsubConnection, onRetry: (error: Error) => void) => Promise<T>,
): Promise<T> {
  const patience = options.patience ?? CHECK_PATIENCE;
  const connection = new PubsubConnection({ ...options, patience });
  const onRetry = (error: Error): void => {
    const timeoutMs = patience.totalTimeoutMs;
    options.logger?.warn({ ...errorFields(error), timeoutMs }, 'Pub/Sub does not answer; trying on before the start');
  };
  try {
    const checked = check(connection, onRetry);
    return await (options.signal === undefined ? checked : unlessAborted(checked, options.signal));
  } finally {
    await connection.close();
  }
}

/** To look takes a right that neither publishing nor consuming does. @returns the error where it is missing */
async function ifAllowed<T>(answer: Promise<T>): Promise<T | Error> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === status.PERMISSION_DENIED) return error;
    throw error;
  }
}

function unseen(name: string, right: string, error: Error): string {
  return `${name} could not be looked at before the start, which takes ${right}: ${error.message}`;
}
