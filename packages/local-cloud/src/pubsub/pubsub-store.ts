import { addCounters, startCounting } from './delivery-counters.ts';
import { alreadyExists, notFound } from './pubsub-errors.ts';
import type { PubsubFaults } from './pubsub-faults.ts';
import { parseResourceName, type ResourceName } from './resource-name.ts';
import { storeMessage, type StoredMessage } from './stored-message.ts';
import { Subscription } from './subscription.ts';
import type { SubscriptionSettings } from './subscription-settings.ts';
import { Topic } from './topic.ts';
import type { WireMessage, WireTopic } from './wire-messages.ts';

/** The topics and subscriptions of every project, in memory. */
export class PubsubStore {
  readonly topics = new Map<string, Topic>();
  readonly subscriptions = new Map<string, Subscription>();
  /** What happened in subscriptions that were deleted since. */
  readonly deletedCounters = startCounting();
  /** Messages that clients published, not those that dead-lettering did. */
  published = 0;
  readonly faults: PubsubFaults;
  readonly #now: () => number;
  #nextMessageId = 1;
  #nextOwner = 1;

  constructor(now: () => number, faults: PubsubFaults) {
    this.#now = now;
    this.faults = faults;
  }

  /** @throws {GrpcError} ALREADY_EXISTS, or INVALID_ARGUMENT for the name */
  createTopic(wire: WireTopic): Topic {
    const name = parseResourceName(wire.name, 'topics');
    if (this.topics.has(name.name)) throw alreadyExists(name.id);
    const topic = new Topic(name, wire);
    this.topics.set(name.name, topic);
    return topic;
  }

  /** @throws {GrpcError} NOT_FOUND, or INVALID_ARGUMENT for the name */
  topic(name: string): Topic {
    const { id } = parseResourceName(name, 'topics');
    const topic = this.topics.get(name);
    if (topic === undefined) throw notFound(id);
    return topic;
  }

  /** Its subscriptions stay, with their messages. */
  deleteTopic(topic: Topic): void {
    this.topics.delete(topic.name.name);
    for (const subscription of topic.subscriptions) subscription.topic = undefined;
  }

  /** @throws {GrpcError} ALREADY_EXISTS */
  createSubscription(name: ResourceName, topic: Topic, settings: SubscriptionSettings): Subscription {
    if (this.subscriptions.has(name.name)) throw alreadyExists(name.id);
    const subscription = new Subscription({
      name,
      topic,
      settings,
      owner: this.#nextOwner,
      now: this.#now,
      faults: this.faults,
      counters: startCounting(),
      deadLetter: (from, message, deliveryAttempts) => this.#deadLetter(from, message, deliveryAttempts),
    });
    this.#nextOwner += 1;
    this.subscriptions.set(name.name, subscription);
    topic.subscriptions.add(subscription);
    return subscription;
  }

  /** @throws {GrpcError} NOT_FOUND, or INVALID_ARGUMENT for the name */
  subscription(name: string): Subscription {
    const { id } = parseResourceName(name, 'subscriptions');
    const subscription = this.subscriptions.get(name);
    if (subscription === undefined) throw notFound(id);
    return subscription;
  }

  /** Its messages are gone with it; streams and waiting pulls end. */
  deleteSubscription(subscription: Subscription): void {
    this.subscriptions.delete(subscription.name.name);
    subscription.topic?.subscriptions.delete(subscription);
    addCounters(this.deletedCounters, subscription.counters);
    subscription.close();
  }

  /** @returns the ids of the messages, in their order */
  publish(topic: Topic, messages: readonly WireMessage[]): readonly string[] {
    this.published += messages.length;
    return messages.map((message) => this.#publishOne(topic, message));
  }

  settleDue(): void {
    for (const subscription of this.subscriptions.values()) subscription.settleDue();
  }

  close(): void {
    for (const subscription of this.subscriptions.values()) subscription.close();
  }

  #publishOne(topic: Topic, message: WireMessage): string {
    const messageId = String(this.#nextMessageId);
    this.#nextMessageId += 1;
    topic.publish(storeMessage(message, messageId, this.#now()));
    return messageId;
  }

  /** @see https://cloud.google.com/pubsub/docs/dead-letter-topics#track-delivery-attempts */
  #deadLetter(from: Subscription, message: StoredMessage, deliveryAttempts: number): boolean {
    const topic = this.topics.get(from.settings.deadLetterPolicy?.topic ?? '');
    if (topic === undefined) return false;
    this.#publishOne(topic, {
      ...message.wire,
      attributes: {
        ...message.wire.attributes,
        CloudPubSubDeadLetterSourceDeliveryCount: String(deliveryAttempts),
        CloudPubSubDeadLetterSourceSubscription: from.name.id,
        CloudPubSubDeadLetterSourceSubscriptionProject: from.name.project,
        CloudPubSubDeadLetterSourceTopicPublishTime: new Date(message.publishedAtMs).toISOString(),
      },
    });
    return true;
  }
}
