import { createPubsubMessageQueue } from '@object-transfer/core/queue/pubsub-message-queue';
import { createLogger } from '@object-transfer/core/runtime/logger';

/** Publishes, pulls and acks a message of the subscription `exiting`, closes the queue, and has nothing more to do. */

const [emulatorHost, projectId = ''] = process.argv.slice(2);
const queue = createPubsubMessageQueue({
  projectId,
  emulatorHost,
  maxMessagesInFlight: 10,
  maxBytesInFlight: 1_000_000,
  leaseMs: 600_000,
  logger: createLogger({ name: 'test', level: 'error', human: false }),
});
await queue.publish('exiting', [{ data: 'a' }, { data: 'b' }]);
const { signal } = new AbortController();
const subscription = queue.subscribe('exiting');
const [message] = await subscription.pull({ maxMessages: 1, leaseMs: 600_000, waitMs: 60_000, signal });
await message?.ack();
await queue.close();
process.stdout.write('closed');
