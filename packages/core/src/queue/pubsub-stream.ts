import { randomUUID } from 'node:crypto';
import type { protos } from '@google-cloud/pubsub';
import { type ClientDuplexStream, connectivityState, Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { classifyError, errorFields } from '../domain/classify-error.ts';
import type { Logger } from '../runtime/logger.ts';
import { backoffDelayMs, type RetryPolicy } from '../runtime/retry.ts';
import type { PubsubConnection } from './pubsub-connection.ts';

/**
 * One streaming pull, opened again whenever it ends for a reason that may pass; Google itself ends each after a while.
 *
 * A stream has no answer that says that it stands. It counts as standing when the first headers come, or when it has lasted
 * for ten seconds on a connection that is there; until then Pub/Sub counts as unavailable if the stream before it failed.
 */

type StreamingPullRequest = protos.google.pubsub.v1.IStreamingPullRequest;
type StreamingPullResponse = protos.google.pubsub.v1.IStreamingPullResponse;
export type WireReceivedMessage = protos.google.pubsub.v1.IReceivedMessage;

export interface PubsubStreamOptions {
  /** The full name. */
  readonly subscription: string;
  /** How long messages are leased when they arrive. */
  readonly leaseSeconds: number;
  /** Pub/Sub sends nothing while this many messages, or bytes, of this stream are neither acked nor nacked nor over. */
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly logger: Logger;
  readonly onMessages: (messages: readonly WireReceivedMessage[]) => void;
  /** The stream has ended for good, for this reason. */
  readonly onFailure: (error: Error) => void;
  /** There is an outage: see {@link PubsubStream.outage}. */
  readonly onOutage: () => void;
}

export interface PubsubOutage {
  /** On the clock of `performance`. */
  readonly since: number;
  readonly lastError: Error;
}

const REOPEN_POLICY: RetryPolicy = {
  maxAttempts: Number.POSITIVE_INFINITY,
  baseDelayMs: 100,
  maxDelayMs: 10_000,
};

/** A stream on which nothing is written is ended by Pub/Sub. */
const PING_INTERVAL_MS = 30_000;
const STANDING_AFTER_MS = 10_000;
/** Google ends a stream with UNAVAILABLE as a matter of course: one failure is not worth a line. */
const FAILURES_TO_TELL = 2;
/** How long a stream that is to end may go on to deliver what is under way. */
const DRAIN_MS = 1_000;

type Call = ClientDuplexStream<StreamingPullRequest, StreamingPullResponse>;

/** The part of the generated stub that a stream needs: the method above it would add a second buffer of its own. */
interface PullStub {
  streamingPull(metadata: Metadata): Call;
  getChannel(): { getConnectivityState(tryToConnect: boolean): connectivityState };
}

export class PubsubStream {
  readonly #connection: PubsubConnection;
  readonly #options: PubsubStreamOptions;
  readonly #clientId = randomUUID();
  #call: Call | undefined;
  #ended: PromiseWithResolvers<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pingTimer: NodeJS.Timeout | undefined;
  #paused = false;
  #closed = false;
  #failures = 0;
  #outage: PubsubOutage | undefined;

  constructor(connection: PubsubConnection, options: PubsubStreamOptions) {
    this.#connection = connection;
    this.#options = options;
    void this.#open();
  }

  /** Since when there is no stream, where that is so. */
  get outage(): PubsubOutage | undefined {
    return this.#outage;
  }

  /** Takes nothing more from the stream until {@link resume}; one that is closing is emptied all the same. */
  pause(): void {
    if (this.#closed) return;
    this.#paused = true;
    this.#call?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#call?.resume();
  }

  /** Tells Pub/Sub to send no more, and resolves when what was under way has been delivered here. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#pingTimer);
    const call = this.#call;
    if (call === undefined) return;
    this.resume();
    call.end();
    const timer = setTimeout(() => call.cancel(), DRAIN_MS);
    await this.#ended?.promise;
    clearTimeout(timer);
  }

  async #open(): Promise<void> {
    const { subscription, leaseSeconds, maxMessages, maxBytes } = this.#options;
    let stub: PullStub;
    try {
      stub = (await this.#connection.subscriber.initialize()) as unknown as PullStub;
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (this.#closed) return;
    const metadata = new Metadata();
    metadata.set('x-goog-request-params', `subscription=${encodeURIComponent(subscription)}`);
    const call = stub.streamingPull(metadata);
    this.#call = call;
    this.#ended = Promise.withResolvers<void>();
    const alive = new Liveness();
    const openedAt = performance.now();
    call
      .on('metadata', () => this.#standing())
      .on('data', ({ receivedMessages }: StreamingPullResponse) => {
        const messages = receivedMessages ?? [];
        alive.heard(messages.length > 0);
        this.#standing();
        if (messages.length === 0) return;
        this.#failures = 0;
        this.#options.onMessages(messages);
      })
      // Says no more than the status, which always follows.
      .on('error', () => {})
      .once('status', (ended) => this.#onEnded(ended, performance.now() - openedAt));
    if (this.#paused) call.pause();
    call.write({
      subscription,
      streamAckDeadlineSeconds: leaseSeconds,
      maxOutstandingMessages: maxMessages,
      maxOutstandingBytes: maxBytes,
      clientId: this.#clientId,
      // Asks for an answer to each empty request.
      protocolVersion: 1,
    });
    this.#timer = setTimeout(() => {
      if (stub.getChannel().getConnectivityState(false) === connectivityState.READY) this.#standing();
    }, STANDING_AFTER_MS);
    this.#pingTimer = setInterval(() => {
      if (alive.ping(this.#paused)) call.write({});
      else call.cancel();
    }, PING_INTERVAL_MS);
  }

  #standing(): void {
    clearTimeout(this.#timer);
    if (this.#outage === undefined) return;
    this.#outage = undefined;
    if (this.#failures < FAILURES_TO_TELL) return;
    this.#options.logger.info({ subscription: this.#options.subscription }, 'the stream of messages is there again');
  }

  #onEnded(ended: StatusObject, lastedMs: number): void {
    clearTimeout(this.#timer);
    clearInterval(this.#pingTimer);
    if (lastedMs > STANDING_AFTER_MS) this.#failures = 0;
    this.#call = undefined;
    this.#ended?.resolve();
    if (this.#closed) return;
    if (ended.code === status.OK) this.#reopen();
    else this.#fail(Object.assign(new Error(ended.details), { code: ended.code, details: ended.details }));
  }

  #fail(reason: unknown): void {
    if (this.#closed) return;
    const { subscription, logger } = this.#options;
    const error = this.#connection.failure(reason, { op: 'StreamingPull', resource: subscription });
    if (!classifyError(error).retryable) {
      this.#closed = true;
      this.#options.onFailure(error);
      return;
    }
    const since = this.#outage?.since ?? performance.now();
    this.#outage = { since, lastError: error };
    this.#reopen();
    if (this.#failures === FAILURES_TO_TELL) {
      logger.warn({ subscription, ...errorFields(error) }, 'there is no stream of messages; trying on');
    }
    this.#options.onOutage();
  }

  #reopen(): void {
    this.#failures += 1;
    this.#timer = setTimeout(() => void this.#open(), backoffDelayMs(REOPEN_POLICY, this.#failures));
  }
}

/**
 * Whether the other side still answers. A connection can die without a word, and Pub/Sub answers each empty request with an
 * empty response, where emulators may not: silence means something only after the first answer.
 */
class Liveness {
  #answers = false;
  #asked = false;

  heard(messages: boolean): void {
    if (this.#asked && !messages) this.#answers = true;
    this.#asked = false;
  }

  /** @returns false where the question before has found no answer; none is read from a stream that is paused */
  ping(paused: boolean): boolean {
    if (this.#asked && this.#answers) return false;
    this.#asked = !paused;
    return true;
  }
}
