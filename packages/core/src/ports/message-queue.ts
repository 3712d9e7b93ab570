export interface OutgoingMessage {
  readonly data: string;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

export interface MessagePublisher {
  /** Resolves when the queue has confirmed every message; rejects where any of them is not confirmed. */
  publish(topic: string, messages: readonly OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * A message in this process's hands until it is acked, nacked or its lease runs out. Each settling call resolves to
 * false where the lease was lost meanwhile: somebody else has, or will get, the message.
 */
export interface ReceivedMessage {
  readonly id: string;
  readonly data: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** 1 on the first delivery. */
  readonly deliveryAttempt: number;
  readonly publishedAt: Date;
  ack(): Promise<boolean>;
  /** Hands the message back: it is delivered again, not before `delayMs` from now (default 0). */
  nack(delayMs?: number): Promise<boolean>;
  /** Prolongs the lease to `leaseMs` from now. */
  extendLease(leaseMs: number): Promise<boolean>;
  /** Takes the message out of circulation for good, with the reason kept beside it. */
  deadLetter(reason: string): Promise<boolean>;
}

export interface PullRequest {
  /** At most this many; fewer as soon as there are any. */
  readonly maxMessages: number;
  /** How long the messages are this process's without being extended. */
  readonly leaseMs: number;
  /** Waits at most this long for the first message; 0 asks once. */
  readonly waitMs: number;
  /** Ends the waiting early; pull then resolves to an empty array. */
  readonly signal: AbortSignal;
}

export interface MessageSubscription {
  /** Resolves to an empty array where nothing came in time. */
  pull(request: PullRequest): Promise<readonly ReceivedMessage[]>;
  close(): Promise<void>;
}

export interface SubscriptionBacklog {
  /** Deliverable now or after a delay. */
  readonly waiting: number;
  /** Leased by some process. */
  readonly leased: number;
  readonly deadLettered: number;
}

/** What the embedded queue can tell and do, and a managed one cannot. */
export interface EmbeddedQueueControl {
  backlog(subscription: string): Promise<SubscriptionBacklog>;
  /** As `reclaimLeases` of the state store, for messages. */
  reclaimLeases(isDead: (leaseOwner: string) => boolean): Promise<number>;
}

/** What empties the embedded queue by hand; a managed one is emptied by its own means. */
export interface QueuePurge {
  /**
   * Deletes the messages of a subscription, leased or not: whoever holds one finds its lease lost. Dead letters stay.
   * @returns how many
   */
  purge(subscription: string): Promise<number>;
}

export interface MessageQueue extends MessagePublisher {
  /** The subscription of the same name as the topic receives all that is published there. */
  subscribe(subscription: string): MessageSubscription;
}
