/**
 * What Pub/Sub takes for the value of an attribute.
 * @see https://cloud.google.com/pubsub/quotas#resource_limits
 */
export const MAX_ATTRIBUTE_VALUE_BYTES = 1_024;

/** The longest beginning of a text that an attribute can hold, whole characters of it. */
export function attributeValue(text: string, maxBytes = MAX_ATTRIBUTE_VALUE_BYTES): string {
  return text.slice(0, new TextEncoder().encodeInto(text, new Uint8Array(maxBytes)).read);
}
