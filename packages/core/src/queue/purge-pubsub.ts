import { PubsubConnection, type PubsubConnectionOptions } from './pubsub-connection.ts';

/**
 * Empties a subscription: seeks to now, which settles all that was published before, delivered or not. Pub/Sub may still
 * deliver some of it for about a minute.
 * @param subscription id or full name
 * @throws ConfigurationError `CONFIG_QUEUE_MISSING`, `CONFIG_ACCESS_DENIED` (it takes pubsub.subscriptions.consume),
 *   `CONFIG_INVALID`; ServiceError
 * @see https://cloud.google.com/pubsub/docs/replay-overview#purge
 */
export async function purgePubsub(options: PubsubConnectionOptions, subscription: string): Promise<void> {
  const connection = new PubsubConnection(options);
  try {
    const name = connection.subscriptionName(subscription);
    const nowMs = Date.now();
    const time = { seconds: Math.floor(nowMs / 1000), nanos: (nowMs % 1000) * 1_000_000 };
    await connection.call({ op: 'Seek', resource: name }, (callOptions) =>
      connection.subscriber.seek({ subscription: name, time }, callOptions),
    );
  } finally {
    await connection.close();
  }
}
