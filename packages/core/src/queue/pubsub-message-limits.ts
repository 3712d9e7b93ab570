import { MessageError } from '../domain/errors.ts';
import { MAX_ATTRIBUTE_VALUE_BYTES } from './attribute-value.ts';

/**
 * What Pub/Sub takes.
 * @see https://cloud.google.com/pubsub/quotas#resource_limits
 */
const MAX_PUBLISH_REQUEST_BYTES = 10_000_000;
export const MAX_PUBLISH_REQUEST_MESSAGES = 1_000;
const MAX_ATTRIBUTES = 100;
const MAX_ATTRIBUTE_KEY_BYTES = 256;

/** Tags and lengths of a field, and the topic of the request: more than they take. */
const FIELD_BYTES = 10;
const REQUEST_BYTES = 1_000;

/** A message to be published; its data is text that is published as UTF-8, or bytes. */
export interface PubsubOutgoingMessage {
  readonly data: string | Uint8Array;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

/**
 * @returns an upper bound of what the message takes of a request
 * @throws MessageError `MESSAGE_TOO_LARGE`; `MESSAGE_MALFORMED` for attributes that Pub/Sub refuses, since it would refuse
 *   the whole request, with the messages of others in it
 */
export function requestBytesOf(message: PubsubOutgoingMessage): number {
  const attributes = Object.entries(message.attributes ?? {});
  if (attributes.length > MAX_ATTRIBUTES)
    throw malformed(`has ${attributes.length} attributes: over ${MAX_ATTRIBUTES}`);
  if (message.data.length === 0 && attributes.length === 0) throw malformed('holds neither data nor attributes');
  let bytes = Buffer.byteLength(message.data) + 2 * FIELD_BYTES;
  for (const [key, value] of attributes) {
    const keyBytes = Buffer.byteLength(key);
    const valueBytes = Buffer.byteLength(value);
    if (keyBytes === 0 || keyBytes > MAX_ATTRIBUTE_KEY_BYTES || /^goog/i.test(key)) {
      throw malformed(`has an attribute whose key Pub/Sub refuses: ${JSON.stringify(key.slice(0, 100))}`);
    }
    if (valueBytes > MAX_ATTRIBUTE_VALUE_BYTES) {
      throw malformed(`has ${valueBytes} bytes in the attribute ${key}: over ${MAX_ATTRIBUTE_VALUE_BYTES}`);
    }
    bytes += keyBytes + valueBytes + 3 * FIELD_BYTES;
  }
  if (bytes <= MAX_PUBLISH_REQUEST_BYTES - REQUEST_BYTES) return bytes;
  throw new MessageError('MESSAGE_TOO_LARGE', `a message of ${bytes} bytes exceeds what Pub/Sub takes`, {
    op: 'Publish',
  });
}

function malformed(reason: string): MessageError {
  return new MessageError('MESSAGE_MALFORMED', `a message to be published ${reason}`, { op: 'Publish' });
}
