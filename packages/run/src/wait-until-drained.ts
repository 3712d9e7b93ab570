import { sleep } from '@object-transfer/core/runtime/sleep';
import type { EmbeddedQueueControl } from '@object-transfer/core/ports/message-queue';

const POLL_MS = 100;

/** Resolves once nothing on the subscription waits or is in anybody's hands. @throws the reason of `signal` */
export async function waitUntilDrained(
  queue: EmbeddedQueueControl,
  subscription: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const { waiting, leased } = await queue.backlog(subscription);
    if (waiting + leased === 0) return;
    await sleep(POLL_MS, signal);
  }
}

/** Waits while more than `maxWaiting` messages wait: a publisher is faster than any worker, and the disk is finite. */
export async function waitForRoom(
  queue: EmbeddedQueueControl,
  subscription: string,
  maxWaiting: number,
  signal: AbortSignal,
): Promise<void> {
  while ((await queue.backlog(subscription)).waiting > maxWaiting) await sleep(POLL_MS, signal);
}
