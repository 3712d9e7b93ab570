import type { FIELDS } from '@object-transfer/core/config/fields';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { MessagePublisher } from '@object-transfer/core/ports/message-queue';
import type { SubfolderReset } from '@object-transfer/core/ports/state-store';
import { OBJECT_TOPIC, RSYNC_TOPIC, SYNC_CHECK_TOPIC } from './embedded-topics.ts';
import { openQueueFile, type OperatorState } from './operator-state.ts';
import { openPubsub } from './pubsub.ts';

/** Nothing is leased by whoever only publishes. */
const LEASE_MS = 60_000;

/** Where keys are published to. */
export interface ObjectTopic {
  readonly topic: string;
  readonly publish: (messages: Parameters<MessagePublisher['publish']>[1]) => Promise<void>;
}

/**
 * The topic of the objects: that of Pub/Sub where the settings name it, that of the state file otherwise.
 * @throws ConfigurationError `CONFIG_INVALID` where the settings are of a fleet and name none; as `openPubsub`
 */
export async function openObjectTopic(operator: OperatorState, command: string): Promise<ObjectTopic> {
  const { settings, opening } = operator;
  const { gcpProject: projectId, pubsubTopicId: topic } = settings;
  if (projectId !== undefined && topic !== undefined) {
    const use = { projectId, topics: [topic], subscription: undefined, deadLetterTopic: undefined, leaseMs: LEASE_MS };
    const queue = await openPubsub(use, opening);
    return { topic, publish: (messages) => queue.publish(topic, messages) };
  }
  refuseFleet(operator, command, 'pubsub_topic_id', 'the publisher of objects');
  const { queue } = await openQueueFile(operator);
  return { topic: OBJECT_TOPIC, publish: (messages) => queue.publish(OBJECT_TOPIC, messages) };
}

const EMBEDDED_SUBSCRIPTIONS: Readonly<Record<SubfolderReset, string>> = {
  objects: OBJECT_TOPIC,
  syncCheck: SYNC_CHECK_TOPIC,
  rsync: RSYNC_TOPIC,
};

/** A subscription that can be emptied. */
export interface PurgeableSubscription {
  readonly subscription: string;
  /** @returns how many messages were deleted; `undefined` where the queue does not tell */
  readonly purge: () => Promise<number | undefined>;
}

/**
 * The subscription that a worker of this kind takes its messages from.
 * @throws ConfigurationError `CONFIG_INVALID` where the settings are of a fleet and name none
 */
export async function openPurge(operator: OperatorState, kind: SubfolderReset): Promise<PurgeableSubscription> {
  const { settings, opening } = operator;
  const { gcpProject: projectId, pubsubSubscriptionId: subscription } = settings;
  if (projectId !== undefined && subscription !== undefined) {
    // Not before it is needed: it takes 0.4 s and 65 MB to load.
    const { purgePubsub } = await import('@object-transfer/core/queue/purge-pubsub');
    const emulatorHost = opening.services.environment.pubsubEmulatorHost;
    const purge = async (): Promise<undefined> => {
      await purgePubsub({ projectId, emulatorHost }, subscription);
    };
    return { subscription, purge };
  }
  refuseFleet(operator, '--purge', 'pubsub_subscription_id', 'the worker of this kind');
  const { queue } = await openQueueFile(operator);
  const embedded = EMBEDDED_SUBSCRIPTIONS[kind];
  return { subscription: embedded, purge: () => queue.purge(embedded) };
}

/** A fleet has no queue in a file: the entity that was given is another module's. */
function refuseFleet(
  { deployment }: OperatorState,
  what: string,
  field: (typeof FIELDS)['pubsubTopicId' | 'pubsubSubscriptionId']['name'],
  whose: string,
): void {
  if (deployment !== 'fleet') return;
  throw new ConfigurationError('CONFIG_INVALID', `${what} needs ${field}: give also --config-key of ${whose}`);
}
