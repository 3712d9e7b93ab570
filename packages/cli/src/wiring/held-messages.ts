import type { MessageSubscription, PullRequest, ReceivedMessage } from '@object-transfer/core/ports/message-queue';

/** A subscription that knows how many of its messages are in this process's hands: pulled, and not settled yet. */
export class HeldMessages implements MessageSubscription {
  readonly #subscription: MessageSubscription;
  #count = 0;

  constructor(subscription: MessageSubscription) {
    this.#subscription = subscription;
  }

  get count(): number {
    return this.#count;
  }

  async pull(request: PullRequest): Promise<readonly ReceivedMessage[]> {
    const messages = await this.#subscription.pull(request);
    this.#count += messages.length;
    return messages.map((message) => this.#counted(message));
  }

  close(): Promise<void> {
    return this.#subscription.close();
  }

  #counted(message: ReceivedMessage): ReceivedMessage {
    const settled = async (settlement: Promise<boolean>): Promise<boolean> => {
      const kept = await settlement;
      this.#count -= 1;
      return kept;
    };
    const { id, data, attributes, deliveryAttempt, publishedAt } = message;
    return {
      id,
      data,
      attributes,
      deliveryAttempt,
      publishedAt,
      ack: () => settled(message.ack()),
      nack: (delayMs) => settled(message.nack(delayMs)),
      deadLetter: (reason) => settled(message.deadLetter(reason)),
      extendLease: (leaseMs) => message.extendLease(leaseMs),
    };
  }
}
