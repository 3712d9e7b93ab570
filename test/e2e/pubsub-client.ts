import { PubSub } from '@google-cloud/pubsub';
import { type Fleet, PROJECT } from './fleet.ts';

/** A topic that nobody has subscribed to. */
export async function createTopic(fleet: Fleet, topic: string): Promise<void> {
  await using client = await connect(fleet);
  await client.pubsub.createTopic(topic);
}

/** Publishes as another program would: text, without attributes. */
export async function publishTo(fleet: Fleet, topic: string, texts: readonly string[]): Promise<void> {
  await using client = await connect(fleet);
  const publisher = client.pubsub.topic(topic);
  await Promise.all(texts.map((text) => publisher.publishMessage({ data: Buffer.from(text) })));
}

export interface PulledMessage {
  readonly data: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Waits for so many messages, and acks them. */
export async function pullFrom(fleet: Fleet, subscription: string, count: number): Promise<readonly PulledMessage[]> {
  await using client = await connect(fleet);
  return await pullMessages(client.pubsub, subscription, count);
}

/** As {@link pullFrom}, with a client of the caller's. */
export async function pullMessages(
  client: PubSub,
  subscription: string,
  count: number,
): Promise<readonly PulledMessage[]> {
  if (count === 0) return [];
  const pulled: PulledMessage[] = [];
  const opened = client.subscription(subscription);
  await new Promise<void>((resolve, reject) => {
    opened.on('error', reject);
    opened.on('message', (message) => {
      message.ack();
      pulled.push({ data: message.data.toString(), attributes: message.attributes });
      if (pulled.length === count) resolve();
    });
  });
  await opened.close();
  return pulled;
}

async function connect(fleet: Fleet) {
  // Without a universe domain the client looks for the metadata server of Google Cloud.
  const clientOptions = { universeDomain: 'googleapis.com' };
  const pubsub = new PubSub({ projectId: PROJECT, apiEndpoint: fleet.pubsub.host, clientOptions });
  return { pubsub, [Symbol.asyncDispose]: () => pubsub.close() };
}
