import { encodedBytes } from './message-rules.ts';
import { fromMs, type WireMessage, type WireReceivedMessage } from './wire-messages.ts';

/** A published message: one, however many subscriptions hold it. */
export interface StoredMessage {
  readonly wire: WireReceivedMessage['message'];
  readonly publishedAtMs: number;
  /** What it counts for where bytes are limited. */
  readonly bytes: number;
}

export function storeMessage(message: WireMessage, messageId: string, publishedAtMs: number): StoredMessage {
  return {
    wire: {
      data: message.data,
      attributes: message.attributes,
      orderingKey: message.orderingKey,
      messageId,
      publishTime: fromMs(publishedAtMs),
    },
    publishedAtMs,
    bytes: encodedBytes(message),
  };
}
