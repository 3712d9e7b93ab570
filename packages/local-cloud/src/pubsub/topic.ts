import type { ResourceName } from './resource-name.ts';
import type { StoredMessage } from './stored-message.ts';
import type { Subscription } from './subscription.ts';
import type { WireTopic } from './wire-messages.ts';

/** Passes what is published on to the subscriptions that it has at that moment. */
export class Topic {
  readonly name: ResourceName;
  readonly subscriptions = new Set<Subscription>();
  wire: WireTopic;
  published = 0;

  constructor(name: ResourceName, wire: WireTopic) {
    this.name = name;
    this.wire = wire;
  }

  publish(message: StoredMessage): void {
    this.published += 1;
    for (const subscription of this.subscriptions) subscription.receive(message);
  }
}
