import type { UnaryMethod } from '../grpc/unary-methods.ts';
import { pageOf, type PageRequest } from './list-page.ts';
import { invalidArgument, notFound, unimplemented } from './pubsub-errors.ts';
import type { PubsubStore } from './pubsub-store.ts';
import { pullMessages, type PullRequest } from './pull-messages.ts';
import { parseProjectName, parseResourceName } from './resource-name.ts';
import type { Subscription } from './subscription.ts';
import {
  applyUpdate,
  checkAckDeadline,
  parseSubscription,
  toWireSubscription,
  type SubscriptionSettings,
} from './subscription-settings.ts';
import { toMs, type WireFieldMask, type WireSubscription, type WireTimestamp } from './wire-messages.ts';

interface Named {
  readonly subscription: string;
}
interface AckRequest extends Named {
  readonly ackIds: readonly string[];
}
interface UpdateRequest {
  readonly subscription: WireSubscription | null;
  readonly updateMask: WireFieldMask | null;
}
interface SeekRequest extends Named {
  readonly target?: 'time' | 'snapshot';
  readonly time?: WireTimestamp;
}

/** What stands for the topic of a subscription that has lost it. */
const DELETED_TOPIC = '_deleted-topic_';

/**
 * The unary methods of google.pubsub.v1.Subscriber, but for snapshots and push.
 * @see https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#subscriber
 */
export function subscriberMethods(store: PubsubStore): Readonly<Record<string, UnaryMethod>> {
  return {
    CreateSubscription: (wire: WireSubscription) => {
      const name = parseResourceName(wire.name, 'subscriptions');
      const settings = parseSubscription(wire);
      const topic = store.topic(wire.topic);
      checkDeadLetterTopic(store, settings);
      return answer(store.createSubscription(name, topic, settings));
    },

    GetSubscription: (request: Named) => answer(store.subscription(request.subscription)),

    UpdateSubscription: (request: UpdateRequest) => {
      if (request.subscription === null) {
        throw invalidArgument('The subscription in the UpdateSubscriptionRequest must be set.');
      }
      const subscription = store.subscription(request.subscription.name);
      const paths = request.updateMask?.paths ?? [];
      const settings = parseSubscription(applyUpdate(wireOf(subscription), request.subscription, paths));
      checkDeadLetterTopic(store, settings);
      subscription.settings = settings;
      return answer(subscription);
    },

    ListSubscriptions: (request: PageRequest & { readonly project: string }) => {
      const project = parseProjectName(request.project);
      const all = store.subscriptions.values().filter((subscription) => subscription.name.project === project);
      const page = pageOf(all, (subscription) => subscription.name.name, request);
      return { subscriptions: page.items.map(answer), nextPageToken: page.nextPageToken };
    },

    DeleteSubscription: (request: Named) => {
      store.deleteSubscription(store.subscription(request.subscription));
      return {};
    },

    Pull: (request: PullRequest & Named, call) => pullMessages(store.subscription(request.subscription), request, call),

    Acknowledge: (request: AckRequest) => {
      store.subscription(request.subscription).acknowledge(request.ackIds);
      return {};
    },

    ModifyAckDeadline: (request: AckRequest & { readonly ackDeadlineSeconds: number }) => {
      const subscription = store.subscription(request.subscription);
      checkAckDeadline(request.ackDeadlineSeconds, 0);
      subscription.modifyLeases(request.ackIds, request.ackDeadlineSeconds * 1000);
      return {};
    },

    Seek: (request: SeekRequest) => {
      const subscription = store.subscription(request.subscription);
      if (request.target === 'snapshot') throw unimplemented('Seeking to a snapshot');
      if (request.time === undefined) {
        throw invalidArgument('No target was specified in the SeekRequest. Must specify either a time or a snapshot.');
      }
      subscription.seek(toMs(request.time));
      return {};
    },
  };
}

function wireOf(subscription: Subscription): WireSubscription {
  const topic = subscription.topic?.name.name ?? DELETED_TOPIC;
  return toWireSubscription(subscription.name.name, topic, subscription.settings);
}

function answer(subscription: Subscription): object {
  return { ...wireOf(subscription), state: 'ACTIVE', detached: false };
}

function checkDeadLetterTopic(store: PubsubStore, { deadLetterPolicy }: SubscriptionSettings): void {
  if (deadLetterPolicy === undefined || store.topics.has(deadLetterPolicy.topic)) return;
  throw notFound(parseResourceName(deadLetterPolicy.topic, 'topics').id);
}
