import { status } from '@grpc/grpc-js';
import { PubsubConnection, type PubsubConnectionOptions } from './pubsub-connection.ts';
import { DEFAULT_ACK_DEADLINE_SECONDS, reviewSubscription } from './pubsub-subscription-settings.ts';

export interface SubscriptionExpectation {
  /** Id or full name of the topic that it must belong to. */
  readonly topic?: string | undefined;
  /** Given, a missing dead-letter policy is named. */
  readonly deadLetterTopic?: string | undefined;
  /** Default 60. */
  readonly ackDeadlineSeconds?: number | undefined;
}

/**
 * Looks whether a topic is there, for commands that want to fail before they begin.
 * @returns warnings: where this process may not look at it, though it may be allowed to publish
 * @throws ConfigurationError `CONFIG_QUEUE_MISSING`, `CONFIG_INVALID`, `CONFIG_ACCESS_DENIED`; ServiceError
 */
export async function checkTopic(options: PubsubConnectionOptions, topic: string): Promise<readonly string[]> {
  const connection = new PubsubConnection(options);
  try {
    const name = connection.topicName(topic);
    return await connection.call({ op: 'GetTopic', resource: name }, async (callOptions) => {
      try {
        await connection.publisher.getTopic({ topic: name }, callOptions);
        return [];
      } catch (error) {
        return unseen(name, error);
      }
    });
  } finally {
    await connection.close();
  }
}

/**
 * Looks whether a subscription is there and what about it does harm.
 * @returns warnings, each a sentence
 * @throws as {@link checkTopic}; ConfigurationError `CONFIG_INVALID` where it belongs to another topic or is not pulled from
 */
export async function checkSubscription(
  options: PubsubConnectionOptions,
  subscription: string,
  expected: SubscriptionExpectation = {},
): Promise<readonly string[]> {
  const connection = new PubsubConnection(options);
  try {
    const name = connection.subscriptionName(subscription);
    const { topic, deadLetterTopic } = expected;
    const wanted = {
      topic: topic === undefined ? undefined : connection.topicName(topic),
      deadLetterTopic: deadLetterTopic === undefined ? undefined : connection.topicName(deadLetterTopic),
      ackDeadlineSeconds: expected.ackDeadlineSeconds ?? DEFAULT_ACK_DEADLINE_SECONDS,
    };
    return await connection.call({ op: 'GetSubscription', resource: name }, async (callOptions) => {
      try {
        const [found] = await connection.subscriber.getSubscription({ subscription: name }, callOptions);
        return reviewSubscription(found, wanted);
      } catch (error) {
        return unseen(name, error);
      }
    });
  } finally {
    await connection.close();
  }
}

/** To look takes a right that neither publishing nor consuming does. @throws `error`, where it is another */
function unseen(name: string, error: unknown): readonly string[] {
  if (!(error instanceof Error) || !('code' in error) || error.code !== status.PERMISSION_DENIED) throw error;
  return [`${name} could not be looked at: this account may not (${error.message})`];
}
