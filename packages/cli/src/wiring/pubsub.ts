import { ConfigurationError } from '@object-transfer/core/domain/errors';
import type { MessageQueue } from '@object-transfer/core/ports/message-queue';
import type { OpenOptions } from './open-options.ts';

/** What a command wants of Pub/Sub. */
export interface PubsubUse {
  readonly projectId: string;
  /** Topics that are published to. */
  readonly topics: readonly string[];
  readonly subscription: string | undefined;
  /** Where messages go that nobody can use. */
  readonly deadLetterTopic: string | undefined;
  readonly leaseMs: number;
}

/** Twice what a worker works on at a time: what is next is there. */
const MAX_MESSAGES_IN_FLIGHT = 32;
const MAX_BYTES_IN_FLIGHT = 32 * 1024 * 1024;

/**
 * Opens Pub/Sub and looks whether the topics and the subscription are there.
 * @throws ConfigurationError `CONFIG_QUEUE_MISSING` naming all that are not, `CONFIG_ACCESS_DENIED`, `CONFIG_INVALID`;
 *   ServiceError; the reason of the signal
 */
export async function openPubsub(use: PubsubUse, options: OpenOptions): Promise<MessageQueue> {
  // Not before it is needed: it takes 0.4 s and 65 MB to load.
  const [{ checkSubscription, checkTopic }, { createPubsubMessageQueue }] = await Promise.all([
    import('@object-transfer/core/queue/check-pubsub'),
    import('@object-transfer/core/queue/pubsub-message-queue'),
  ]);
  const { logger, signal, cleanup } = options;
  const connection = { projectId: use.projectId, emulatorHost: options.services.environment.pubsubEmulatorHost };
  const { subscription, deadLetterTopic } = use;
  const checking = { ...connection, logger, signal };
  const checks = use.topics.map((topic) => checkTopic(checking, topic, { expectsSubscription: true }));
  if (subscription !== undefined) checks.push(checkSubscription(checking, subscription, { deadLetterTopic }));
  for (const warning of warningsOf(await Promise.allSettled(checks))) logger.warn(warning);
  const queue = createPubsubMessageQueue({
    ...connection,
    deadLetterTopic,
    maxMessagesInFlight: MAX_MESSAGES_IN_FLIGHT,
    maxBytesInFlight: MAX_BYTES_IN_FLIGHT,
    leaseMs: use.leaseMs,
    logger,
  });
  cleanup.defer(() => queue.close());
  return queue;
}

/** @throws what was looked for and is missing, in one error; any other failure before that */
function warningsOf(checks: readonly PromiseSettledResult<readonly string[]>[]): readonly string[] {
  const failures = checks.filter((check) => check.status === 'rejected').map(({ reason }) => reason as unknown);
  const missing = failures.filter(isMissing);
  for (const failure of failures) if (!isMissing(failure)) throw failure;
  if (missing.length > 0) {
    const names = missing.map(({ message }) => message).join('; ');
    const advice = '`object-transfer prepare --topics` creates topics and subscriptions';
    throw new ConfigurationError('CONFIG_QUEUE_MISSING', `${names}; ${advice}`, { op: 'openPubsub' });
  }
  return checks.flatMap((check) => (check.status === 'fulfilled' ? check.value : []));
}

function isMissing(failure: unknown): failure is ConfigurationError {
  return failure instanceof ConfigurationError && failure.code === 'CONFIG_QUEUE_MISSING';
}

interface PublisherQueueSettings {
  readonly gcpProject: string | undefined;
  readonly pubsubTopicId: string | undefined;
  readonly leaseMs: number;
}

/** What a publisher wants of Pub/Sub; `undefined` where it has the queue of the state file. */
export function publisherPubsub(settings: PublisherQueueSettings): PubsubUse | undefined {
  const { gcpProject: projectId, pubsubTopicId, leaseMs } = settings;
  if (projectId === undefined || pubsubTopicId === undefined) return undefined;
  return { projectId, topics: [pubsubTopicId], subscription: undefined, deadLetterTopic: undefined, leaseMs };
}

interface WorkerQueueSettings {
  readonly gcpProject: string | undefined;
  readonly pubsubSubscriptionId: string | undefined;
  readonly errorPubsubTopicId: string | undefined;
  readonly leaseMs: number;
}

/** Where a worker takes messages from, and hands on what failed. @param embedded topics of the state file */
export function workerQueues(
  settings: Pick<WorkerQueueSettings, 'pubsubSubscriptionId' | 'errorPubsubTopicId'>,
  embedded: { readonly subscription: string; readonly errors: string },
) {
  return {
    subscription: settings.pubsubSubscriptionId ?? embedded.subscription,
    errorTopic: settings.errorPubsubTopicId ?? embedded.errors,
  };
}

/** What a worker wants of Pub/Sub; `undefined` where it has the queue of the state file. */
export function workerPubsub(settings: WorkerQueueSettings): PubsubUse | undefined {
  const { gcpProject: projectId, pubsubSubscriptionId, errorPubsubTopicId, leaseMs } = settings;
  if (projectId === undefined || pubsubSubscriptionId === undefined || errorPubsubTopicId === undefined)
    return undefined;
  return {
    projectId,
    topics: [errorPubsubTopicId],
    subscription: pubsubSubscriptionId,
    deadLetterTopic: errorPubsubTopicId,
    leaseMs,
  };
}
