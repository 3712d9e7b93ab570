import { classifyError, errorFields } from '../domain/classify-error.ts';
import type { Logger } from '../runtime/logger.ts';
import type { PubsubConnection } from './pubsub-connection.ts';

/** Whether a subscription has a retry policy, looked up when it is first asked for. */
export class PubsubRetryPolicy {
  readonly #connection: PubsubConnection;
  readonly #subscription: string;
  readonly #logger: Logger;
  #exists: Promise<boolean> | undefined;

  /** @param subscription the full name */
  constructor(connection: PubsubConnection, subscription: string, logger: Logger) {
    this.#connection = connection;
    this.#subscription = subscription;
    this.#logger = logger;
  }

  /** False also where that cannot be found out. */
  exists(): Promise<boolean> {
    this.#exists ??= this.#look();
    return this.#exists;
  }

  async #look(): Promise<boolean> {
    const subscription = this.#subscription;
    const call = { op: 'GetSubscription', resource: subscription };
    try {
      return await this.#connection.call(call, async (options) => {
        const [{ retryPolicy }] = await this.#connection.subscriber.getSubscription({ subscription }, options);
        return (retryPolicy ?? undefined) !== undefined;
      });
    } catch (error) {
      // An outage says nothing about the policy. To look at a subscription takes a right that to consume it does not.
      if (classifyError(error).retryable) this.#exists = undefined;
      const assumption = 'taken to have no retry policy: delays are kept by leases';
      this.#logger.info({ subscription, ...errorFields(error) }, assumption);
      return false;
    }
  }
}
