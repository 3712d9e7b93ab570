import { MAX_LEASE_MS } from '../domain/lease-length.ts';
import { field } from './field.ts';
import { subscriptionId, topicId } from './google-schemas.ts';
import { MESSAGE_FORMATS } from '../domain/message-codec.ts';
import { choice, integer, mebibytes, secondsAsMs } from './value-schemas.ts';

/** What publishers and workers say to each other. */
export const QUEUE_FIELDS = {
  pubsubTopicId: field({
    name: 'pubsub_topic_id',
    description: 'Pub/Sub topic that messages are published to, in place of the queue in the state file',
    valueName: 'topic',
    schema: topicId,
  }),
  pubsubSubscriptionId: field({
    name: 'pubsub_subscription_id',
    description: 'Pub/Sub subscription that messages are pulled from, in place of the queue in the state file',
    valueName: 'subscription',
    schema: subscriptionId,
  }),
  errorPubsubTopicId: field({
    name: 'error_pubsub_topic_id',
    description: 'Pub/Sub topic that failed keys are published to',
    valueName: 'topic',
    schema: topicId,
  }),
  messageFormat: field({
    name: 'message_format',
    description:
      "v2 says size and ETag of every object; reference is the array of the reference tool, which that tool's workers read, too",
    valueName: 'format',
    schema: choice(MESSAGE_FORMATS),
    default: 'v2',
  }),
  maxMessagesPerBatch: field({
    name: 'max_messages_per_batch',
    description: 'messages per publish call',
    valueName: 'n',
    schema: integer(1, 1000),
    default: 10,
  }),
  numSingleMessage: field({
    name: 'num_single_message',
    description: 'objects or subfolders per message, at most',
    valueName: 'n',
    schema: integer(1, 10_000),
    default: { embedded: 50, fleet: 10 },
  }),
  numSingleMessageBytes: field({
    name: 'num_single_message_mib',
    description: 'size of the objects of one message together, at most, in MiB; a larger object travels alone',
    valueName: 'mib',
    schema: mebibytes(1, 1024 * 1024),
    default: 1024,
  }),
  numMessages: field({
    name: 'num_messages',
    description: 'messages per pull call, at most',
    valueName: 'n',
    schema: integer(1, 1000),
    default: 1,
  }),
  leaseMs: field({
    name: 'lease_seconds',
    description: 'how long claimed work stays reserved without a sign of life; a dead process delays its work by this',
    valueName: 'seconds',
    // Pub/Sub allows 10 to 600 seconds.
    schema: secondsAsMs(10, MAX_LEASE_MS / 1000),
    default: 60,
  }),
};
