import { createPubsubMessageQueue } from '@object-transfer/core/queue/pubsub-message-queue';
import { createLogger } from '@object-transfer/core/runtime/logger';

/**
 * Publishes, pulls and acks messages of the subscription `exiting`, closes the queue, and has nothing more to do. With `silence`
 * it waits for no answer but that of the pull.
 */

const [emulatorHost, projectId = '', silence] = process.argv.slice(2);
const queue = createPubsubMessageQueue({
  projectId,
  emulatorHost,
  maxMessagesInFlight: 10,
  maxBytesInFlight: 1_000_000,
  leaseMs: 600_000,
  // Longer than any test lasts.
  patience: {
    attemptTimeoutMs: 600_000,
    totalTimeoutMs: 600_000,
    retries: { maxAttempts: 1, baseDelayMs: 1, maxDelayMs: 1 },
  },
  closeGraceMs: silence === undefined ? undefined : 100,
  logger: createLogger({ name: 'test', level: 'error', human: false }),
});
const published = queue.publish('exiting', [{ data: 'a' }, { data: 'b' }]);
if (silence === undefined) await published;
const { signal } = new AbortController();
const subscription = queue.subscribe('exiting');
const [message] = await subscription.pull({ maxMessages: 1, leaseMs: 600_000, waitMs: 60_000, signal });
const acked = message?.ack();
if (silence === undefined) await acked;
const outcomes = Promise.allSettled([published, acked]);
await queue.close();
const failures = (await outcomes).filter(({ status }) => status === 'rejected');
process.stdout.write(failures.length === 0 ? 'closed' : `closed, ${failures.length} calls failed`);
