import { v1 } from '@google-cloud/pubsub';
import { resolveGoogleEndpoint } from '@object-transfer/core/config/google-service-endpoint';
import { createPubsubMessageQueue, type PubsubMessageQueue } from '@object-transfer/core/queue/pubsub-message-queue';
import { createLogger } from '@object-transfer/core/runtime/logger';
import type { MessageQueueHarness } from './message-queue-suite.ts';

export interface PubsubServerUnderTest {
  /** `host:port`. */
  readonly host: string;
  /** The clock of its leases, where that can be moved; otherwise time really passes. */
  readonly clock?: { readonly now: () => number; readonly elapse: (ms: number) => Promise<void> } | undefined;
}

/** The shortest that Pub/Sub grants. */
const LEASE_MS = 10_000;
/** Longer than a lease that nobody prolongs, with what it takes a server to notice: nothing changes any more after it. */
const LEASE_OVER_MS = LEASE_MS + 2_000;

let lastProject = 0;

/** A project of its own with the subscriptions that the suite wants; they give back at once what is nacked. */
export async function createPubsubHarness({ host, clock }: PubsubServerUnderTest): Promise<MessageQueueHarness> {
  lastProject += 1;
  const projectId = `project-${process.pid}-${lastProject}`;
  await createQueues(host, projectId);
  const opened: PubsubMessageQueue[] = [];
  return {
    capabilities: {
      ordered: false,
      exactDelay: true,
      fenced: false,
      leaseMs: LEASE_MS,
      maxDeliveryAttempts: undefined,
    },
    open: async () => {
      const queue = createPubsubMessageQueue({
        projectId,
        emulatorHost: host,
        deadLetterTopic: 'errors',
        maxMessagesInFlight: 1_000,
        maxBytesInFlight: 64 * 1024 * 1024,
        leaseMs: LEASE_MS,
        logger: createLogger({ name: 'test', level: 'error', human: false }),
        now: clock?.now,
      });
      opened.push(queue);
      return { queue, control: undefined };
    },
    now: () => new Date(clock?.now() ?? Date.now()),
    elapse: async (ms) => {
      if (clock !== undefined) await clock.elapse(ms);
      else await new Promise((resolve) => setTimeout(resolve, Math.min(ms, LEASE_OVER_MS)));
    },
    dispose: async () => {
      for (const queue of opened) await queue.close();
    },
  };
}

async function createQueues(host: string, projectId: string): Promise<void> {
  const { clientOptions } = resolveGoogleEndpoint('', { variable: 'PUBSUB_EMULATOR_HOST', host });
  const publisher = new v1.PublisherClient(clientOptions);
  const subscriber = new v1.SubscriberClient(clientOptions);
  const topicOf = (id: string): string => `projects/${projectId}/topics/${id}`;
  for (const id of ['errors', 'objects', 'checks']) {
    await publisher.createTopic({ name: topicOf(id) });
    await subscriber.createSubscription({
      name: `projects/${projectId}/subscriptions/${id}`,
      topic: topicOf(id),
      deadLetterPolicy: { deadLetterTopic: topicOf('errors'), maxDeliveryAttempts: 20 },
    });
  }
  await publisher.close();
  await subscriber.close();
}
