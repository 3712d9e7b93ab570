import { PubSub, v1, type Message, type Subscription } from '@google-cloud/pubsub';
import { credentials } from '@grpc/grpc-js';

export const PROJECT = 'local-project';

/** Google's clients for one server, and names in it. */
export class PubsubClients implements AsyncDisposable {
  readonly pubsub: PubSub;
  readonly publisher: InstanceType<typeof v1.PublisherClient>;
  readonly subscriber: InstanceType<typeof v1.SubscriberClient>;
  #lastName = 0;

  constructor(host: string) {
    const [servicePath = '', port] = host.split(':');
    // Without a universe domain the clients look for the metadata server of Google Cloud.
    const common = { projectId: PROJECT, clientOptions: { universeDomain: 'googleapis.com' } };
    const options = { ...common, servicePath, port: Number(port), sslCreds: credentials.createInsecure() };
    this.pubsub = new PubSub({ ...common, apiEndpoint: host });
    this.publisher = new v1.PublisherClient(options);
    this.subscriber = new v1.SubscriberClient(options);
  }

  /** A topic that is not there yet. */
  newTopicName(): string {
    this.#lastName += 1;
    return `projects/${PROJECT}/topics/topic-${this.#lastName}`;
  }

  newSubscriptionName(): string {
    this.#lastName += 1;
    return `projects/${PROJECT}/subscriptions/subscription-${this.#lastName}`;
  }

  /** A new topic with one subscription. */
  async createPair(settings: object = {}): Promise<{ readonly topic: string; readonly subscription: string }> {
    const topic = this.newTopicName();
    const subscription = this.newSubscriptionName();
    await this.publisher.createTopic({ name: topic });
    await this.subscriber.createSubscription({ ...settings, name: subscription, topic });
    return { topic, subscription };
  }

  /** One call of Publish. */
  async publish(topic: string, ...texts: readonly string[]): Promise<readonly string[]> {
    const [{ messageIds }] = await this.publisher.publish({
      topic,
      messages: texts.map((text) => ({ data: Buffer.from(text) })),
    });
    return messageIds ?? [];
  }

  /** What one call of Pull gives; waits for the first message unless told otherwise. */
  async pull(subscription: string, maxMessages = 100, returnImmediately = false): Promise<readonly Pulled[]> {
    const [{ receivedMessages }] = await this.subscriber.pull({ subscription, maxMessages, returnImmediately });
    return (receivedMessages ?? []).map(({ ackId, message, deliveryAttempt }) => ({
      ackId: ackId ?? '',
      text: Buffer.from(message?.data ?? '').toString(),
      id: message?.messageId ?? '',
      attributes: message?.attributes ?? {},
      deliveryAttempt: deliveryAttempt ?? 0,
    }));
  }

  async nack(subscription: string, { ackId }: Pick<Pulled, 'ackId'>): Promise<void> {
    await this.subscriber.modifyAckDeadline({ subscription, ackIds: [ackId], ackDeadlineSeconds: 0 });
  }

  async ack(subscription: string, ...pulled: readonly Pick<Pulled, 'ackId'>[]): Promise<void> {
    await this.subscriber.acknowledge({ subscription, ackIds: pulled.map(({ ackId }) => ackId) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.pubsub.close(), this.publisher.close(), this.subscriber.close()]);
  }
}

export interface Pulled {
  readonly ackId: string;
  readonly text: string;
  readonly id: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** 0 without a dead-letter policy. */
  readonly deliveryAttempt: number;
}

/** Gives every message to `handle` until that says that it has seen enough. */
export async function consume(subscription: Subscription, handle: (message: Message) => boolean): Promise<void> {
  const finished = Promise.withResolvers<void>();
  subscription.on('error', finished.reject);
  subscription.on('message', (message: Message) => {
    if (handle(message)) finished.resolve();
  });
  try {
    await finished.promise;
  } finally {
    await subscription.close();
  }
}

/** One stream as the wire has it, without what the client of Google does about it. */
export class RawStream implements Disposable {
  readonly received: Pulled[] = [];
  /** Responses that carried no message. */
  emptyResponses = 0;
  /** How the server ended it. */
  readonly ended: Promise<{ readonly code: number; readonly details: string }>;
  readonly #stream: ReturnType<InstanceType<typeof v1.SubscriberClient>['streamingPull']>;
  #waiting: { readonly until: () => boolean; readonly resolve: () => void }[] = [];

  constructor(clients: PubsubClients, request: object) {
    const ended = Promise.withResolvers<{ readonly code: number; readonly details: string }>();
    this.ended = ended.promise;
    this.#stream = clients.subscriber.streamingPull({ timeout: 60_000 });
    this.#stream.on('error', ended.resolve);
    this.#stream.on('data', (response: StreamResponse) => {
      if (response.receivedMessages.length === 0) this.emptyResponses += 1;
      for (const { ackId, message } of response.receivedMessages) {
        const text = message.data.toString();
        this.received.push({ ackId, text, id: message.messageId, attributes: {}, deliveryAttempt: 0 });
      }
      this.#waiting = this.#waiting.filter(({ until, resolve }) => {
        if (until()) resolve();
        return !until();
      });
    });
    this.#stream.write(request);
  }

  write(request: object): void {
    this.#stream.write(request);
  }

  /** Reads nothing more, until `resume`. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Resolves when so many messages have come. */
  messages(count: number): Promise<void> {
    return this.#wait(() => this.received.length >= count);
  }

  empty(count: number): Promise<void> {
    return this.#wait(() => this.emptyResponses >= count);
  }

  [Symbol.dispose](): void {
    this.#stream.cancel();
  }

  async #wait(until: () => boolean): Promise<void> {
    if (until()) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push({ until, resolve });
    });
  }
}

interface StreamResponse {
  readonly receivedMessages: readonly {
    readonly ackId: string;
    readonly message: { readonly data: Buffer; readonly messageId: string };
  }[];
}
