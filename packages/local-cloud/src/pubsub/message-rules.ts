import { checkRange, invalidArgument } from './pubsub-errors.ts';
import type { WireMessage } from './wire-messages.ts';

/** @see https://cloud.google.com/pubsub/quotas#resource_limits */
const MAX_REQUEST_BYTES = 10_000_000;
const MAX_MESSAGES_PER_REQUEST = 1000;
const MAX_ATTRIBUTES = 100;
const MAX_ATTRIBUTE_KEY_BYTES = 256;
const MAX_ATTRIBUTE_VALUE_BYTES = 1024;
const MAX_ORDERING_KEY_BYTES = 1024;
const RESERVED_ATTRIBUTE_PREFIX = 'goog';

/**
 * Holds the messages of a Publish to the limits of Pub/Sub.
 * @throws {GrpcError} INVALID_ARGUMENT; none of the messages is published then
 */
export function checkMessages(topic: string, messages: readonly WireMessage[]): void {
  checkRange('message_count', messages.length, 1, MAX_MESSAGES_PER_REQUEST);
  let requestBytes = fieldBytes(Buffer.byteLength(topic));
  for (const message of messages) {
    checkMessage(message);
    requestBytes += fieldBytes(encodedBytes(message));
  }
  checkRange('request_size', requestBytes, 0, MAX_REQUEST_BYTES);
}

function checkMessage(message: WireMessage): void {
  const attributes = Object.entries(message.attributes);
  if (message.data.length === 0 && attributes.length === 0) {
    throw invalidArgument(
      'One or more messages in the publish request is empty. Each message must contain either non-empty data, or at ' +
        'least one attribute.',
    );
  }
  checkRange('attribute_count', attributes.length, 0, MAX_ATTRIBUTES);
  for (const [key, value] of attributes) {
    checkRange('attribute_key_size', Buffer.byteLength(key), 1, MAX_ATTRIBUTE_KEY_BYTES);
    checkRange('attribute_value_size', Buffer.byteLength(value), 0, MAX_ATTRIBUTE_VALUE_BYTES);
    if (key.startsWith(RESERVED_ATTRIBUTE_PREFIX)) {
      throw invalidArgument(`Attribute keys must not begin with "${RESERVED_ATTRIBUTE_PREFIX}" (key=${key}).`);
    }
  }
  checkRange('ordering_key_size', Buffer.byteLength(message.orderingKey), 0, MAX_ORDERING_KEY_BYTES);
}

/** How long the message is as a protocol buffer. */
export function encodedBytes(message: WireMessage): number {
  let bytes = fieldBytes(message.data.length) + fieldBytes(Buffer.byteLength(message.orderingKey));
  for (const [key, value] of Object.entries(message.attributes)) {
    // A map is a list of pairs, whose members are written even when they are empty.
    const pair = 2 + lengthBytes(Buffer.byteLength(key)) + lengthBytes(Buffer.byteLength(value));
    bytes += 1 + lengthBytes(pair);
  }
  return bytes;
}

/** A tag of one byte, the length as a varint, and the content; nothing for an empty field. */
function fieldBytes(contentBytes: number): number {
  return contentBytes === 0 ? 0 : 1 + lengthBytes(contentBytes);
}

function lengthBytes(contentBytes: number): number {
  let bytes = 1;
  for (let left = contentBytes; left >= 0x80; left = Math.floor(left / 0x80)) bytes += 1;
  return bytes + contentBytes;
}
