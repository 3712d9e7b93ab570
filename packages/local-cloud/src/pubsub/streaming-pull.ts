import { status, type handleBidiStreamingCall, type ServerDuplexStream } from '@grpc/grpc-js';
import { GrpcError, toGrpcError } from '../grpc/grpc-error.ts';
import { OutstandingLimit } from './outstanding-limit.ts';
import { checkRange, invalidArgument } from './pubsub-errors.ts';
import type { PubsubStore } from './pubsub-store.ts';
import type { Consumer, Subscription } from './subscription.ts';
import { checkAckDeadline, MAX_ACK_DEADLINE_SECONDS, MIN_ACK_DEADLINE_SECONDS } from './subscription-settings.ts';
import type { WireReceivedMessage, WireStreamingPullRequest } from './wire-messages.ts';

type StreamCall = ServerDuplexStream<WireStreamingPullRequest, object>;

/** The open streams of a server. */
export class StreamingPulls {
  readonly #streams = new Set<PullStream>();
  readonly #store: PubsubStore;
  readonly #before: () => void;

  /** @param before runs when a stream opens, and may refuse it by throwing a GrpcError */
  constructor(store: PubsubStore, before: () => void) {
    this.#store = store;
    this.#before = before;
  }

  get open(): number {
    return this.#streams.size;
  }

  readonly handle: handleBidiStreamingCall<WireStreamingPullRequest, object> = (call) => {
    const stream = new PullStream(call, this.#store, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    try {
      this.#before();
    } catch (error) {
      stream.fail(toGrpcError(error));
    }
  };

  /** Ends all of them, as Google does every now and then; clients open new ones. Their leases go on. */
  drop(error: GrpcError): void {
    for (const stream of this.#streams) stream.fail(error);
  }
}

/**
 * One call of StreamingPull: the first request names the subscription and the limits; all may ack and modify leases.
 * @see https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#streamingpullrequest
 */
class PullStream implements Consumer {
  writable = true;
  leaseMs = 0;
  limit = new OutstandingLimit(0, 0);
  readonly #call: StreamCall;
  readonly #store: PubsubStore;
  readonly #onClosed: () => void;
  #subscription: Subscription | undefined;
  #answersKeepAlives = false;
  #closed = false;

  constructor(call: StreamCall, store: PubsubStore, onClosed: () => void) {
    this.#call = call;
    this.#store = store;
    this.#onClosed = onClosed;
    call.on('data', (request) => this.#take(request));
    call.on('drain', () => {
      this.writable = true;
      this.#subscription?.resume();
    });
    call.on('cancelled', () => this.#close());
    call.on('end', () => {
      this.#close();
      call.end();
    });
    // What the server itself ended by `fail` comes back here.
    call.on('error', () => this.#close());
  }

  deliver(receivedMessages: readonly WireReceivedMessage[]): void {
    this.#write({ receivedMessages });
  }

  end(): void {
    this.fail(new GrpcError(status.NOT_FOUND, `Resource not found (resource=${this.#subscription?.name.id ?? ''}).`));
  }

  fail(error: GrpcError): void {
    if (this.#closed) return;
    this.#close();
    this.#call.emit('error', error);
  }

  #take(request: WireStreamingPullRequest): void {
    if (this.#closed) return;
    try {
      const subscription = this.#subscription;
      if (subscription === undefined) this.#open(request);
      else this.#continue(subscription, request);
    } catch (error) {
      this.fail(toGrpcError(error));
    }
  }

  #open(request: WireStreamingPullRequest): void {
    const subscription = this.#store.subscription(request.subscription);
    checkStreamAckDeadline(request.streamAckDeadlineSeconds);
    this.limit = new OutstandingLimit(Number(request.maxOutstandingMessages), Number(request.maxOutstandingBytes));
    this.leaseMs = request.streamAckDeadlineSeconds * 1000;
    this.#answersKeepAlives = Number(request.protocolVersion) >= 1;
    settle(subscription, request);
    this.#subscription = subscription;
    this.#write({ subscriptionProperties: { exactlyOnceDeliveryEnabled: false, messageOrderingEnabled: false } });
    subscription.attach(this);
  }

  #continue(subscription: Subscription, request: WireStreamingPullRequest): void {
    if (request.subscription !== '') {
      throw invalidArgument('The subscription can only be set in the first request of a stream.');
    }
    if (request.streamAckDeadlineSeconds !== 0) {
      checkStreamAckDeadline(request.streamAckDeadlineSeconds);
      this.leaseMs = request.streamAckDeadlineSeconds * 1000;
    }
    settle(subscription, request);
    // A client that speaks version 1 takes a stream for dead that leaves its requests without any response.
    if (this.#answersKeepAlives) this.#write({});
  }

  #write(response: object): void {
    this.writable = this.#call.write(response);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#subscription?.detach(this);
    this.#onClosed();
  }
}

function checkStreamAckDeadline(deadlineSeconds: number): void {
  checkRange('stream_ack_deadline_seconds', deadlineSeconds, MIN_ACK_DEADLINE_SECONDS, MAX_ACK_DEADLINE_SECONDS);
}

/** @throws {GrpcError} INVALID_ARGUMENT */
function settle(subscription: Subscription, request: WireStreamingPullRequest): void {
  const { ackIds, modifyDeadlineAckIds, modifyDeadlineSeconds } = request;
  if (modifyDeadlineAckIds.length !== modifyDeadlineSeconds.length) {
    throw invalidArgument('Every modify_deadline_ack_id needs its modify_deadline_seconds.');
  }
  if (ackIds.length > 0) subscription.acknowledge(ackIds);
  modifyDeadlineAckIds.forEach((ackId, index) => {
    const deadlineSeconds = modifyDeadlineSeconds[index] ?? 0;
    checkAckDeadline(deadlineSeconds, 0);
    subscription.modifyLeases([ackId], deadlineSeconds * 1000);
  });
}
