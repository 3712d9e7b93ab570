/** The messages of google.pubsub.v1 as `loadServices` gives them: every field there, int64 as decimal strings. */

export interface WireDuration {
  readonly seconds: string;
  readonly nanos: number;
}

/** Time since the epoch. */
export type WireTimestamp = WireDuration;

export interface WireTopic {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly kmsKeyName: string;
  readonly messageRetentionDuration: WireDuration | null;
}

export interface WireMessage {
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
}

export interface WireDeadLetterPolicy {
  readonly deadLetterTopic: string;
  readonly maxDeliveryAttempts: number;
}

export interface WireRetryPolicy {
  readonly minimumBackoff: WireDuration | null;
  readonly maximumBackoff: WireDuration | null;
}

export interface WireSubscription {
  readonly name: string;
  readonly topic: string;
  readonly pushConfig: { readonly pushEndpoint: string } | null;
  readonly bigqueryConfig: object | null;
  readonly cloudStorageConfig: object | null;
  readonly bigtableConfig: object | null;
  readonly ackDeadlineSeconds: number;
  readonly retainAckedMessages: boolean;
  readonly messageRetentionDuration: WireDuration | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly enableMessageOrdering: boolean;
  readonly expirationPolicy: { readonly ttl: WireDuration | null } | null;
  readonly filter: string;
  readonly deadLetterPolicy: WireDeadLetterPolicy | null;
  readonly retryPolicy: WireRetryPolicy | null;
  readonly enableExactlyOnceDelivery: boolean;
}

export interface WireFieldMask {
  readonly paths: readonly string[];
}

/** What is received: one message under one lease. */
export interface WireReceivedMessage {
  readonly ackId: string;
  readonly message: WireMessage & { readonly messageId: string; readonly publishTime: WireTimestamp };
  /** 0 without a dead-letter policy. */
  readonly deliveryAttempt: number;
}

export interface WireStreamingPullRequest {
  readonly subscription: string;
  readonly ackIds: readonly string[];
  readonly modifyDeadlineSeconds: readonly number[];
  readonly modifyDeadlineAckIds: readonly string[];
  readonly streamAckDeadlineSeconds: number;
  readonly maxOutstandingMessages: string;
  readonly maxOutstandingBytes: string;
  readonly protocolVersion: string;
}

export function toMs(time: WireDuration): number {
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}

export function fromMs(ms: number): WireDuration {
  const seconds = Math.floor(ms / 1000);
  return { seconds: String(seconds), nanos: Math.round((ms - seconds * 1000) * 1e6) };
}
