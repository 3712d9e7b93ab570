import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedState, openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';

/** A state file of its own, opened any number of times, with a clock that moves when it is told to. */
export async function createEmbeddedHarness(options: { readonly maxDeliveryAttempts?: number } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'state-'));
  const opened: EmbeddedState[] = [];
  let nowMs = Date.UTC(2026, 0, 1);
  return {
    open: async (): Promise<EmbeddedState> => {
      const owner = `host:${opened.length}:0000000a`;
      const state = await openEmbeddedState(join(directory, 'state.db'), { ...options, owner, now: () => nowMs });
      opened.push(state);
      return state;
    },
    now: (): Date => new Date(nowMs),
    elapse: async (ms: number): Promise<void> => {
      nowMs += ms;
    },
    dispose: async (): Promise<void> => {
      for (const state of opened) await state.close();
      await rm(directory, { recursive: true });
    },
  };
}
