import type { protos } from '@google-cloud/pubsub';
import { ServiceError, StoppedError } from '../domain/errors.ts';
import type { MessagePublisher } from '../ports/message-queue.ts';
import { ByteBudget } from '../runtime/byte-budget.ts';
import type { PubsubConnection } from './pubsub-connection.ts';
import { MAX_PUBLISH_REQUEST_MESSAGES, type PubsubOutgoingMessage, requestBytesOf } from './pubsub-message-limits.ts';

export interface PubsubBatching {
  /** Messages of one request, at most; Pub/Sub takes 1,000. */
  readonly maxMessages: number;
  /** Bytes of one request, at most; Pub/Sub takes 10 MB. A larger message travels alone. */
  readonly maxBytes: number;
  /** How long a message waits for others. */
  readonly maxLatencyMs: number;
}

/** Google's clients wait as long. */
const DEFAULT_BATCHING: PubsubBatching = { maxMessages: 100, maxBytes: 9_000_000, maxLatencyMs: 10 };

/** Encoded messages that wait for their confirmation; who publishes more waits too. */
const MAX_UNCONFIRMED_BYTES = 64 * 1024 * 1024;

interface Batch {
  readonly messages: protos.google.pubsub.v1.IPubsubMessage[];
  bytes: number;
  readonly sent: PromiseWithResolvers<void>;
  timer: NodeJS.Timeout | undefined;
}

/** Gathers the messages of concurrent callers into requests, and holds a bounded number of bytes until Pub/Sub confirms them. */
export class PubsubPublisher implements MessagePublisher {
  readonly #connection: PubsubConnection;
  readonly #batching: PubsubBatching;
  readonly #budget = new ByteBudget(MAX_UNCONFIRMED_BYTES);
  readonly #open = new Map<string, Batch>();
  readonly #unconfirmed = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(connection: PubsubConnection, batching: Partial<PubsubBatching> = {}) {
    this.#connection = connection;
    const { maxMessages, ...limits } = { ...DEFAULT_BATCHING, ...batching };
    this.#batching = { ...limits, maxMessages: Math.min(maxMessages, MAX_PUBLISH_REQUEST_MESSAGES) };
  }

  /**
   * Pub/Sub may store messages of a call that fails, and twice those whose confirmation was lost on the way.
   * @param topic an id, or `projects/PROJECT/topics/ID`
   * @throws MessageError `MESSAGE_TOO_LARGE`, `MESSAGE_MALFORMED` before anything is sent
   * @throws what {@link PubsubConnection.call} throws; StoppedError after {@link close}
   */
  async publish(topic: string, messages: readonly PubsubOutgoingMessage[]): Promise<void> {
    const name = this.#connection.topicName(topic);
    const sizes = messages.map(requestBytesOf);
    const { signal } = this.#closing;
    const confirmations = new Set<Promise<void>>();
    for (const [index, message] of messages.entries()) {
      const bytes = sizes[index] ?? 0;
      const release = await this.#budget.acquire(bytes, signal);
      signal.throwIfAborted();
      const wire = { data: Buffer.from(message.data), attributes: message.attributes ?? {} };
      const confirmed = this.#add(name, wire, bytes);
      // This also keeps a failure from counting as unheeded until the loop has ended.
      void confirmed.then(release, release);
      confirmations.add(confirmed);
    }
    await Promise.all(confirmations);
  }

  /** Sends what waits and resolves when everything is confirmed or has failed, which its publishers were told. */
  async close(): Promise<void> {
    this.#closing.abort(new StoppedError('the queue is closed'));
    for (const name of this.#open.keys()) this.#send(name);
    await Promise.allSettled(this.#unconfirmed);
  }

  #add(topic: string, message: protos.google.pubsub.v1.IPubsubMessage, bytes: number): Promise<void> {
    let batch = this.#open.get(topic);
    if (batch !== undefined && batch.bytes + bytes > this.#batching.maxBytes) {
      this.#send(topic);
      batch = undefined;
    }
    if (batch === undefined) {
      batch = { messages: [], bytes: 0, sent: Promise.withResolvers<void>(), timer: undefined };
      batch.timer = setTimeout(() => this.#send(topic), this.#batching.maxLatencyMs);
      this.#open.set(topic, batch);
    }
    batch.messages.push(message);
    batch.bytes += bytes;
    const { promise } = batch.sent;
    if (batch.messages.length >= this.#batching.maxMessages || batch.bytes >= this.#batching.maxBytes)
      this.#send(topic);
    return promise;
  }

  #send(topic: string): void {
    const batch = this.#open.get(topic);
    if (batch === undefined) return;
    this.#open.delete(topic);
    clearTimeout(batch.timer);
    const done = this.#request(topic, batch.messages).then(batch.sent.resolve, batch.sent.reject);
    this.#unconfirmed.add(done);
    void done.finally(() => this.#unconfirmed.delete(done));
  }

  async #request(topic: string, messages: protos.google.pubsub.v1.IPubsubMessage[]): Promise<void> {
    const call = { op: 'Publish', resource: topic };
    const confirmed = await this.#connection.call(call, async (options) => {
      const [{ messageIds }] = await this.#connection.publisher.publish({ topic, messages }, options);
      return messageIds?.length ?? 0;
    });
    if (confirmed === messages.length) return;
    throw new ServiceError(
      'SERVICE_REJECTED',
      `Pub/Sub at ${this.#connection.host} confirmed ${confirmed} of ${messages.length} messages to ${topic}`,
      { op: call.op, destination: topic },
    );
  }
}
