import type {
  EmbeddedQueueControl,
  MessagePublisher,
  OutgoingMessage,
  SubscriptionBacklog,
} from '@object-transfer/core/ports/message-queue';
import type { StateStore } from '@object-transfer/core/ports/state-store';

/** Messages of a worker that was killed before it could report them are given up on when nothing has moved for so long. */
const QUIET_MS = 60_000;

/**
 * What is left on a queue that cannot be asked about it: what was published, less what the workers of a run say that they
 * have settled. Delivered twice counts twice, so that it may say too little: whoever compares both sides in the end finds
 * what is missing.
 */
export class SettledBacklog implements EmbeddedQueueControl {
  runId: string | undefined;
  readonly #stateStore: Pick<StateStore, 'listWorkers'>;
  #published = 0;
  #settled = 0;
  #movedAt = performance.now();

  constructor(stateStore: Pick<StateStore, 'listWorkers'>) {
    this.#stateStore = stateStore;
  }

  addPublished(messages: number): void {
    this.#published += messages;
    this.#movedAt = performance.now();
  }

  /** A publisher that counts what it publishes. */
  counting(publisher: Pick<MessagePublisher, 'publish'>): Pick<MessagePublisher, 'publish'> {
    return {
      publish: async (topic: string, messages: readonly OutgoingMessage[]) => {
        await publisher.publish(topic, messages);
        this.addPublished(messages.length);
      },
    };
  }

  async backlog(): Promise<SubscriptionBacklog> {
    const workers = this.runId === undefined ? [] : await this.#stateStore.listWorkers(this.runId);
    const settled = workers.reduce(
      (sum, { counters }) => sum + (counters['messages'] ?? 0) + (counters['poisonMessages'] ?? 0),
      0,
    );
    if (settled !== this.#settled) this.#movedAt = performance.now();
    this.#settled = settled;
    const isQuiet = performance.now() - this.#movedAt > QUIET_MS;
    return { waiting: isQuiet ? 0 : Math.max(0, this.#published - settled), leased: 0, deadLettered: 0 };
  }

  /** Leases of a managed queue run out by themselves. */
  async reclaimLeases(): Promise<number> {
    return 0;
  }
}
