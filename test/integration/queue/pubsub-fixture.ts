import {
  createPubsubMessageQueue,
  type PubsubMessageQueue,
  type PubsubMessageQueueOptions,
} from '@object-transfer/core/queue/pubsub-message-queue';
import type { MessageSubscription, PullRequest, ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import { createLogger, type Logger } from '@object-transfer/core/runtime/logger';
import { pino } from 'pino';
import { PROJECT, PubsubClients } from '../local-cloud/pubsub-clients.ts';

/** Says nothing of the misbehaviour that is asked for. */
export const LOGGER = createLogger({ name: 'test', level: 'error', human: false }).child({}, { level: 'silent' });

/** Keeps what is logged; `onLine` is called for each line. */
export function recordingLogger(onLine: () => void = () => undefined): {
  readonly logger: Logger;
  readonly lines: () => readonly Record<string, unknown>[];
} {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
    onLine();
  };
  return { logger: pino({ base: null, messageKey: 'message' }, { write }), lines: () => lines };
}

/** Gives up soon. */
export const IMPATIENT = {
  attemptTimeoutMs: 500,
  totalTimeoutMs: 1_000,
  retries: { maxAttempts: 10, baseDelayMs: 20, maxDelayMs: 100 },
};

/** Google's clients of one server, and queues over it. */
export class PubsubFixture implements AsyncDisposable {
  readonly clients: PubsubClients;
  readonly #host: string;
  readonly #queues: PubsubMessageQueue[] = [];

  constructor(host: string) {
    this.#host = host;
    this.clients = new PubsubClients(host);
  }

  /** Opens a queue as another process would. */
  open(options: Partial<PubsubMessageQueueOptions> = {}): PubsubMessageQueue {
    const queue = createPubsubMessageQueue({
      projectId: PROJECT,
      emulatorHost: this.#host,
      maxMessagesInFlight: 100,
      maxBytesInFlight: 64 * 1024 * 1024,
      leaseMs: 10_000,
      logger: LOGGER,
      ...options,
    });
    this.#queues.push(queue);
    return queue;
  }

  async closeQueues(): Promise<void> {
    for (const queue of this.#queues.splice(0)) await queue.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeQueues();
    await this.clients[Symbol.asyncDispose]();
  }
}

export function pull(
  subscription: MessageSubscription,
  request: Partial<PullRequest> = {},
): Promise<readonly ReceivedMessage[]> {
  const { signal } = new AbortController();
  return subscription.pull({ maxMessages: 100, leaseMs: 10_000, waitMs: 20_000, signal, ...request });
}

/** @throws where nothing comes */
export async function pullOne(subscription: MessageSubscription): Promise<ReceivedMessage> {
  const [message] = await pull(subscription, { maxMessages: 1 });
  if (message === undefined) throw new Error('no message came');
  return message;
}

/** As many as that, in as many pulls as it takes. */
export async function pullCount(subscription: MessageSubscription, count: number): Promise<readonly ReceivedMessage[]> {
  const messages: ReceivedMessage[] = [];
  while (messages.length < count) {
    const pulled = await pull(subscription, { maxMessages: count - messages.length });
    if (pulled.length === 0) throw new Error(`${messages.length} of ${count} messages came`);
    messages.push(...pulled);
  }
  return messages;
}
