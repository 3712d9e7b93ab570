import { PubSub } from '@google-cloud/pubsub';
import type { PubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { type PulledMessage, pullMessages } from '../../e2e/pubsub-client.ts';

/** The flows of a fleet: each has a topic, a subscription and a topic for what failed. */
export const FLOWS = ['objects', 'checks', 'repairs'] as const;
export type Flow = (typeof FLOWS)[number];

type SubscriptionStats = ReturnType<PubsubServer['stats']>['subscriptions'][string];

/** The topics and subscriptions of a fleet, as its operator looks at them. */
export class SoakQueues {
  readonly #server: PubsubServer;
  readonly #projectId: string;

  constructor(server: PubsubServer, projectId: string) {
    this.#server = server;
    this.#projectId = projectId;
  }

  /** Redelivery after 1 to 5 seconds is what a soak has the time for. What failed is kept for the audit. */
  async create(): Promise<void> {
    await using connected = this.#connect();
    const { client } = connected;
    for (const flow of FLOWS) {
      const { topic, subscription, errors, kept } = queuesOf(flow);
      await client.createTopic(topic);
      await client.createTopic(errors);
      await client.topic(errors).createSubscription(kept);
      await client.topic(topic).createSubscription(subscription, {
        ackDeadlineSeconds: 10,
        retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 5 } },
        deadLetterPolicy: {
          deadLetterTopic: `projects/${this.#projectId}/topics/${errors}`,
          maxDeliveryAttempts: 100,
        },
      });
    }
  }

  /** Messages of a flow that are neither settled nor dead. */
  waiting(flow: Flow): number {
    const { waiting, outstanding } = this.stats(flow);
    return waiting + outstanding;
  }

  /** Of the subscription of a flow. */
  stats(flow: Flow): SubscriptionStats {
    return this.#statsOf(queuesOf(flow).subscription);
  }

  /** Takes all that was published to the error topic of a flow. */
  async takeFailures(flow: Flow): Promise<readonly PulledMessage[]> {
    const { kept } = queuesOf(flow);
    await using connected = this.#connect();
    return await pullMessages(connected.client, kept, this.#statsOf(kept).waiting);
  }

  #statsOf(subscription: string): SubscriptionStats {
    const found = this.#server.stats().subscriptions[`projects/${this.#projectId}/subscriptions/${subscription}`];
    if (found === undefined) throw new Error(`there is no subscription ${subscription}`);
    return found;
  }

  #connect() {
    // Without a universe domain the client looks for the metadata server of Google Cloud.
    const clientOptions = { universeDomain: 'googleapis.com' };
    const client = new PubSub({ projectId: this.#projectId, apiEndpoint: this.#server.host, clientOptions });
    return { client, [Symbol.asyncDispose]: () => client.close() };
  }
}

function queuesOf(flow: Flow) {
  const errors = `${flow}-errors`;
  return { topic: flow, subscription: `${flow}-subscription`, errors, kept: `${errors}-subscription` };
}

/** Flags of a publisher of a flow. */
export function publishing(flow: Flow): readonly string[] {
  return ['--pubsub-topic-id', queuesOf(flow).topic];
}

/** Flags of a worker of a flow. */
export function consuming(flow: Flow): readonly string[] {
  const { subscription, errors } = queuesOf(flow);
  return ['--pubsub-subscription-id', subscription, '--error-pubsub-topic-id', errors];
}
