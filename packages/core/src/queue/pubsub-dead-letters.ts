import { ConfigurationError } from '../domain/errors.ts';
import { attributeValue } from './attribute-value.ts';
import type { PubsubReceivedMessage } from './pubsub-received-message.ts';
import type { PubsubPublisher } from './pubsub-publisher.ts';

/** Set by Pub/Sub on what its own dead-letter policies forward; messages that are published may not have them. */
const RESERVED_KEY = /^goog/i;

/** A message has at most 100 attributes. */
const MAX_KEPT_ATTRIBUTES = 97;

/** What has no code: a message that no process came to the end of. */
const DEFAULT_CODE = 'MESSAGE_NOT_HANDLED';

/**
 * Messages that nobody can use, published to a topic with the reason as attributes: `attempt`, `code` and `message`, as those
 * of failed keys have them.
 */
export class PubsubDeadLetters {
  readonly #publisher: PubsubPublisher;
  readonly #topic: string | undefined;

  constructor(publisher: PubsubPublisher, topic: string | undefined) {
    this.#publisher = publisher;
    this.#topic = topic;
  }

  get available(): boolean {
    return this.#topic !== undefined;
  }

  /**
   * @param reason the code may lead: `MESSAGE_MALFORMED: it is not JSON`
   * @throws ConfigurationError `CONFIG_INVALID` without a topic, and what {@link PubsubPublisher.publish} throws
   */
  async publish(message: PubsubReceivedMessage, reason: string): Promise<void> {
    if (this.#topic === undefined) {
      throw new ConfigurationError('CONFIG_INVALID', 'there is no topic for messages that nobody can use', {
        op: 'deadLetter',
        source: message.id,
      });
    }
    const [, code = DEFAULT_CODE, text = reason] = /^([A-Z][A-Z0-9_]+): (.*)$/s.exec(reason) ?? [];
    const kept = Object.entries(message.attributes)
      .filter(([key]) => !RESERVED_KEY.test(key))
      .slice(0, MAX_KEPT_ATTRIBUTES);
    const attributes = {
      ...Object.fromEntries(kept),
      attempt: String(message.deliveryAttempt),
      code,
      message: attributeValue(text),
    };
    await this.#publisher.publish(this.#topic, [{ data: message.encodeData(), attributes }]);
  }
}
