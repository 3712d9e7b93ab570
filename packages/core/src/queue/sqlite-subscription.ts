import type { MessageSubscription, PullRequest, ReceivedMessage } from '../ports/message-queue.ts';
import { createLeaseOwner } from '../state/lease-owner.ts';
import { SqliteReceivedMessage, type SettlingContext } from './sqlite-received-message.ts';

/** What other processes publish is seen by asking: soon after something came, less often the longer nothing does. */
const MIN_POLL_MS = 5;
const MAX_POLL_MS = 250;

export interface SubscriptionOptions {
  readonly name: string;
  /** The process; lease owners begin with it. */
  readonly owner: string;
  readonly maxDeliveryAttempts: number;
}

/** Messages of one subscription: first those that came back, then fresh ones in the order of publishing. */
export class SqliteSubscription implements MessageSubscription {
  readonly #context: SettlingContext;
  readonly #options: SubscriptionOptions;
  #closed = false;

  constructor(context: SettlingContext, options: SubscriptionOptions) {
    this.#context = context;
    this.#options = options;
  }

  async pull(request: PullRequest): Promise<readonly ReceivedMessage[]> {
    // The clock of the machine, not the one of the leases, which a test may hold still.
    const deadline = performance.now() + request.waitMs;
    for (let pollMs = MIN_POLL_MS; !this.#isOver(request); pollMs = Math.min(MAX_POLL_MS, pollMs * 2)) {
      const messages = await this.#take(request);
      const remainingMs = deadline - performance.now();
      if (messages.length > 0 || remainingMs <= 0) return messages;
      await this.#context.wakeUp.wait(Math.min(pollMs, remainingMs), request.signal);
    }
    return [];
  }

  /** Ends the waiting pulls. Messages that were received stay leased until they are settled. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#context.wakeUp.notify();
  }

  async #take(request: PullRequest): Promise<readonly ReceivedMessage[]> {
    const { database, statements, now } = this.#context;
    const { name } = this.#options;
    // Asking does not need the write lock, for which processes would queue up.
    const some = await database.read('pull', () => statements.deliverable(name, now(), 1).length > 0);
    if (!some) return [];
    // Asked once more inside: between this and the caller there is no turn in which the signal could fire.
    return database.write('pull', () => (this.#isOver(request) ? [] : this.#lease(request)));
  }

  #isOver(request: PullRequest): boolean {
    return this.#closed || request.signal.aborted;
  }

  #lease(request: PullRequest): readonly ReceivedMessage[] {
    const { statements } = this.#context;
    const { name, owner, maxDeliveryAttempts } = this.#options;
    const now = this.#context.now();
    const leaseOwner = createLeaseOwner(owner);
    const leased: SqliteReceivedMessage[] = [];
    while (leased.length < request.maxMessages) {
      const found = statements.deliverable(name, now, request.maxMessages - leased.length);
      if (found.length === 0) break;
      for (const message of found) {
        if (message.deliveryAttempt >= maxDeliveryAttempts) {
          statements.deadLetter(message.id, now, `delivered ${message.deliveryAttempt} times and never acked`);
          continue;
        }
        statements.lease({ id: message.id, leaseOwner }, now + request.leaseMs);
        leased.push(new SqliteReceivedMessage(this.#context, message, leaseOwner));
      }
    }
    return leased;
  }
}
