import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReceivedMessage } from '@object-transfer/core/ports/message-queue';
import { openEmbeddedState, type EmbeddedState } from '@object-transfer/core/state/open-embedded-state';

/** A state file of its own, whose clock can be put forward. */
export interface TestState extends EmbeddedState {
  readonly file: string;
  /** What is delayed or leased for up to so long is deliverable afterwards. */
  advance(ms: number): void;
  /** The next message of a subscription, which must be there. */
  pullOne(subscription: string): Promise<ReceivedMessage>;
}

export const LEASE_MS = 60_000;

export async function openTestState(): Promise<TestState> {
  const directory = await mkdtemp(join(tmpdir(), 'worker-state-'));
  let aheadMs = 0;
  const file = join(directory, 'state.db');
  const state = await openEmbeddedState(file, {
    owner: 'test:1:00000000',
    now: () => Date.now() + aheadMs,
  });
  return {
    ...state,
    file,
    advance(ms) {
      aheadMs += ms;
    },
    async pullOne(subscription) {
      const request = { maxMessages: 1, leaseMs: LEASE_MS, waitMs: 0, signal: new AbortController().signal };
      const [message] = await state.queue.subscribe(subscription).pull(request);
      if (message === undefined) throw new Error(`no message in ${subscription}`);
      return message;
    },
    async close() {
      await state.close();
      await rm(directory, { recursive: true });
    },
  };
}
