import type { Call } from '../grpc/unary-methods.ts';
import { OutstandingLimit } from './outstanding-limit.ts';
import { checkRange } from './pubsub-errors.ts';
import type { Subscription } from './subscription.ts';
import type { WireReceivedMessage } from './wire-messages.ts';

export interface PullRequest {
  readonly maxMessages: number;
  readonly returnImmediately: boolean;
}

export interface PullAnswer {
  readonly receivedMessages: readonly WireReceivedMessage[];
}

const MAX_RESPONSE_BYTES = 10_000_000;
const MAX_MESSAGES = 2 ** 31 - 1;
/** Without a sooner deadline of the client's. Google promises no more than "a bounded amount of time". */
const MAX_WAIT_MS = 90_000;
/** The answer has to be back before the client gives up, or its messages would wait for their leases to end. */
const MARGIN_MS = 1000;

/**
 * Answers with what is there, or waits for the first message: until shortly before the client's deadline, then with none.
 * @throws {GrpcError} INVALID_ARGUMENT
 */
export async function pullMessages(subscription: Subscription, request: PullRequest, call: Call): Promise<PullAnswer> {
  checkRange('max_messages', request.maxMessages, 1, MAX_MESSAGES);
  const limit = new OutstandingLimit(request.maxMessages, MAX_RESPONSE_BYTES);
  const leaseMs = subscription.settings.ackDeadlineSeconds * 1000;
  const present = subscription.take(leaseMs, limit);
  if (present.length > 0 || request.returnImmediately) return { receivedMessages: present };

  return new Promise((resolve) => {
    const consumer = {
      leaseMs,
      limit,
      writable: true,
      deliver: (receivedMessages: readonly WireReceivedMessage[]): void => {
        clearTimeout(timer);
        subscription.detach(consumer);
        resolve({ receivedMessages });
      },
      end: (): void => consumer.deliver([]),
    };
    const timer = setTimeout(consumer.end, waitMs(call.getDeadline()));
    call.once('cancelled', consumer.end);
    subscription.attach(consumer);
  });
}

function waitMs(deadline: Date | number): number {
  const leftMs = Number(deadline) - Date.now();
  return Math.max(0, Math.min(MAX_WAIT_MS, Math.max(leftMs - MARGIN_MS, leftMs / 2)));
}
