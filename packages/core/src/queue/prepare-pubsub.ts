import { status } from '@grpc/grpc-js';
import type { Logger } from '../runtime/logger.ts';
import { PubsubConnection, type PubsubConnectionOptions } from './pubsub-connection.ts';
import {
  DEFAULT_ACK_DEADLINE_SECONDS,
  newSubscription,
  refuseCircle,
  reviewSubscription,
  type WantedSubscription,
} from './pubsub-subscription-settings.ts';

export interface PreparePubsubOptions extends PubsubConnectionOptions {
  /** Ids or full names. */
  readonly topics: readonly string[];
  readonly subscriptions: readonly {
    readonly name: string;
    readonly topic: string;
    readonly deadLetterTopic?: string | undefined;
  }[];
  /** Of new subscriptions; default 60. */
  readonly ackDeadlineSeconds?: number | undefined;
  readonly logger?: Logger | undefined;
}

/** Full names of topics and subscriptions. */
export interface PreparedPubsub {
  readonly created: readonly string[];
  readonly existing: readonly string[];
  /** What the operator should see to, each in a sentence. */
  readonly notes: readonly string[];
}

/**
 * Creates the topics and subscriptions that are missing. What is there is left alone, and what about it does harm is noted.
 * Safe to run again, and by several at once.
 * @throws ConfigurationError `CONFIG_INVALID` where a subscription belongs to another topic, or to the one that its messages
 *   are dead-lettered to, or a name is malformed;
 *   `CONFIG_QUEUE_MISSING` where its topic is neither there nor among `topics`; `CONFIG_ACCESS_DENIED`; ServiceError
 */
export async function preparePubsub(options: PreparePubsubOptions): Promise<PreparedPubsub> {
  const connection = new PubsubConnection(options);
  try {
    const topics = options.topics.map((topic) => connection.topicName(topic));
    const subscriptions = options.subscriptions.map(({ name, topic, deadLetterTopic }) => ({
      name: connection.subscriptionName(name),
      topic: connection.topicName(topic),
      deadLetterTopic: deadLetterTopic === undefined ? undefined : connection.topicName(deadLetterTopic),
      ackDeadlineSeconds: options.ackDeadlineSeconds ?? DEFAULT_ACK_DEADLINE_SECONDS,
    }));
    for (const { name, topic, deadLetterTopic } of subscriptions) refuseCircle(name, topic, deadLetterTopic);
    const created: string[] = [];
    const existing: string[] = [];
    const notes: string[] = [];
    const add = (name: string, isNew: boolean): void => {
      (isNew ? created : existing).push(name);
      options.logger?.info({ name }, isNew ? 'created' : 'was there already');
    };
    for (const topic of new Set(topics)) add(topic, await prepareTopic(connection, topic));
    for (const subscription of subscriptions) {
      const review = await prepareSubscription(connection, subscription);
      add(subscription.name, review === undefined);
      notes.push(...(review ?? []));
      const emulated = (options.emulatorHost ?? '') !== '';
      if (review === undefined && !emulated && subscription.deadLetterTopic !== undefined) {
        notes.push(deadLetterRights(subscription.name, subscription.deadLetterTopic));
      }
    }
    return { created, existing, notes };
  } finally {
    await connection.close();
  }
}

/** @returns whether it was not there */
async function prepareTopic(connection: PubsubConnection, topic: string): Promise<boolean> {
  const found = await connection.call({ op: 'GetTopic', resource: topic }, (callOptions) =>
    unless(status.NOT_FOUND, connection.publisher.getTopic({ topic }, callOptions)),
  );
  if (found !== undefined) return false;
  const created = await connection.call({ op: 'CreateTopic', resource: topic }, (callOptions) =>
    unless(status.ALREADY_EXISTS, connection.publisher.createTopic({ name: topic }, callOptions)),
  );
  return created !== undefined;
}

/** @returns the notes about the one that was there, `undefined` where it was created */
async function prepareSubscription(
  connection: PubsubConnection,
  wanted: WantedSubscription & { readonly name: string; readonly topic: string },
): Promise<readonly string[] | undefined> {
  const { name, topic } = wanted;
  const get = () =>
    connection.call({ op: 'GetSubscription', resource: name }, (callOptions) =>
      unless(status.NOT_FOUND, connection.subscriber.getSubscription({ subscription: name }, callOptions)),
    );
  const before = await get();
  if (before !== undefined) return reviewSubscription(before[0], wanted);
  const created = await connection.call({ op: 'CreateSubscription', resource: `${name} or ${topic}` }, (callOptions) =>
    unless(
      status.ALREADY_EXISTS,
      connection.subscriber.createSubscription(newSubscription(name, topic, wanted), callOptions),
    ),
  );
  if (created !== undefined) return undefined;
  const after = await get();
  return after === undefined ? [] : reviewSubscription(after[0], wanted);
}

/** @returns `undefined` where the call ended with this status */
async function unless<T>(expected: status, answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === expected) return undefined;
    throw error;
  }
}

/** @see https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions */
function deadLetterRights(subscription: string, topic: string): string {
  return (
    `${subscription} dead-letters to ${topic} only if the service account of Pub/Sub ` +
    '(service-PROJECT_NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com) has roles/pubsub.publisher on the topic and ' +
    'roles/pubsub.subscriber on the subscription'
  );
}
