import { MAX_LEASE_MS } from '../domain/lease-length.ts';
import type { ReceivedMessage } from '../ports/message-queue.ts';
import type { EmbeddedDatabase } from '../state/embedded-database.ts';
import type { MessageLease, QueuedMessage, QueueStatements } from './queue-statements.ts';
import type { WakeUp } from './wake-up.ts';

/** What the messages of one queue settle with. */
export interface SettlingContext {
  readonly database: EmbeddedDatabase;
  readonly statements: QueueStatements;
  readonly wakeUp: WakeUp;
  readonly now: () => number;
}

/** A message under a lease. Its calls resolve when the file is on disk; those of one turn share a transaction. */
export class SqliteReceivedMessage implements ReceivedMessage {
  readonly id: string;
  readonly data: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly deliveryAttempt: number;
  readonly publishedAt: Date;
  readonly #context: SettlingContext;
  readonly #lease: MessageLease;

  constructor(context: SettlingContext, message: QueuedMessage, leaseOwner: string) {
    this.#context = context;
    this.#lease = { id: message.id, leaseOwner };
    this.id = String(message.id);
    this.data = message.data;
    this.attributes = JSON.parse(message.attributes) as Record<string, string>;
    this.deliveryAttempt = message.deliveryAttempt + 1;
    this.publishedAt = new Date(message.publishedAt);
  }

  ack(): Promise<boolean> {
    return this.#settle('ack', (statements, now) => statements.deleteHeld(this.#lease, now));
  }

  async nack(delayMs = 0): Promise<boolean> {
    const held = await this.#settle('nack', (statements, now) =>
      // As Pub/Sub has it: what is to come later yet would be taken for stored by a clock that was wrong.
      statements.returnHeld(this.#lease, now, now + Math.min(delayMs, MAX_LEASE_MS)),
    );
    this.#context.wakeUp.notify();
    return held;
  }

  extendLease(leaseMs: number): Promise<boolean> {
    return this.#settle('extendLease', (statements, now) => statements.extendHeld(this.#lease, now, now + leaseMs));
  }

  deadLetter(reason: string): Promise<boolean> {
    return this.#settle('deadLetter', (statements, now) => statements.deadLetterHeld(this.#lease, now, reason));
  }

  #settle(op: string, settle: (statements: QueueStatements, now: number) => boolean): Promise<boolean> {
    const { database, statements, now } = this.#context;
    return database.write(op, () => settle(statements, now()));
  }
}
