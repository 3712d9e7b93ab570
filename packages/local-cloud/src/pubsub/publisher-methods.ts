import { setTimeout as sleep } from 'node:timers/promises';
import type { UnaryMethod } from '../grpc/unary-methods.ts';
import { pageOf, type PageRequest } from './list-page.ts';
import { checkMessages } from './message-rules.ts';
import { invalidArgument } from './pubsub-errors.ts';
import type { PubsubStore } from './pubsub-store.ts';
import { parseProjectName } from './resource-name.ts';
import type { WireFieldMask, WireMessage, WireTopic } from './wire-messages.ts';

const UPDATABLE = { labels: 'labels', message_retention_duration: 'messageRetentionDuration' } as const;

/**
 * google.pubsub.v1.Publisher, but for schemas, snapshots and DetachSubscription.
 * @see https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#publisher
 */
export function publisherMethods(store: PubsubStore): Readonly<Record<string, UnaryMethod>> {
  return {
    CreateTopic: (wire: WireTopic) => answerTopic(store.createTopic(wire).wire),

    GetTopic: (request: { readonly topic: string }) => answerTopic(store.topic(request.topic).wire),

    UpdateTopic: (request: { readonly topic: WireTopic | null; readonly updateMask: WireFieldMask | null }) => {
      if (request.topic === null) throw invalidArgument('The topic in the UpdateTopicRequest must be set.');
      const topic = store.topic(request.topic.name);
      const paths = request.updateMask?.paths ?? [];
      if (paths.length === 0) {
        throw invalidArgument(
          'The update_mask in the UpdateTopicRequest must be set, and must contain a non-empty paths list.',
        );
      }
      topic.wire = paths.reduce((wire, path) => updateTopic(wire, request.topic ?? wire, path), topic.wire);
      return answerTopic(topic.wire);
    },

    ListTopics: (request: PageRequest & { readonly project: string }) => {
      const project = parseProjectName(request.project);
      const topics = store.topics.values().filter((topic) => topic.name.project === project);
      const page = pageOf(topics, (topic) => topic.name.name, request);
      return { topics: page.items.map((topic) => answerTopic(topic.wire)), nextPageToken: page.nextPageToken };
    },

    ListTopicSubscriptions: (request: PageRequest & { readonly topic: string }) => {
      const { subscriptions } = store.topic(request.topic);
      const page = pageOf(subscriptions, (subscription) => subscription.name.name, request);
      return { subscriptions: page.items.map(({ name }) => name.name), nextPageToken: page.nextPageToken };
    },

    DeleteTopic: (request: { readonly topic: string }) => {
      store.deleteTopic(store.topic(request.topic));
      return {};
    },

    Publish: async (request: { readonly topic: string; readonly messages: readonly WireMessage[] }) => {
      const topic = store.topic(request.topic);
      checkMessages(request.topic, request.messages);
      const messageIds = store.publish(topic, request.messages);
      const { publishConfirmDelayMs } = store.faults;
      if (publishConfirmDelayMs > 0) await sleep(publishConfirmDelayMs, undefined, { ref: false });
      store.faults.checkConfirmation();
      return { messageIds };
    },
  };
}

function updateTopic(current: WireTopic, update: WireTopic, path: string): WireTopic {
  if (!Object.hasOwn(UPDATABLE, path)) {
    throw invalidArgument(
      `Invalid update_mask provided in the UpdateTopicRequest: the ${path} field in the Topic is not mutable or not known.`,
    );
  }
  const field = UPDATABLE[path as keyof typeof UPDATABLE];
  return { ...current, [field]: update[field] };
}

function answerTopic({ name, labels, kmsKeyName, messageRetentionDuration }: WireTopic): object {
  return { name, labels, kmsKeyName, messageRetentionDuration, state: 'ACTIVE' };
}
