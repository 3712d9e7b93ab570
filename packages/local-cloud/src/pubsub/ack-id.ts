import type { AckReference } from './message-backlog.ts';
import { invalidArgument } from './pubsub-errors.ts';

const ACK_ID = /^([0-9a-f]+)-([0-9]{1,15})-([0-9]{1,15})$/;

/** Ack ids of one subscription: opaque to clients, and of no use to another subscription. */
export class AckIds {
  readonly #owner: string;

  /** @param owner hexadecimal digits, another number for every subscription that is made */
  constructor(owner: number) {
    this.#owner = owner.toString(16);
  }

  format({ serial, delivery }: AckReference): string {
    return `${this.#owner}-${serial}-${delivery}`;
  }

  /** @throws {GrpcError} INVALID_ARGUMENT where any was not given out by this subscription, or there is none */
  parse(ackIds: readonly string[]): readonly AckReference[] {
    if (ackIds.length === 0) throw invalidArgument('No ack ids specified.');
    return ackIds.map((ackId) => {
      const [, owner, serial, delivery] = ACK_ID.exec(ackId) ?? [];
      if (owner !== this.#owner) {
        throw invalidArgument(
          'Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids have ' +
            'expired or the acknowledgement ids were malformed.',
        );
      }
      return { serial: Number(serial), delivery: Number(delivery) };
    });
  }
}
