import type { StateStore } from '@object-transfer/core/ports/state-store';
import { openMysqlState, prepareMysqlState } from '@object-transfer/core/state/open-mysql-state';
import { createMysqlHome } from '../services/mariadb-home.ts';
import type { StateStoreHarness } from './state-store-harness.ts';

/** Tables of their own, opened any number of times, with a clock that moves when it is told to. */
export async function createMysqlHarness(createHome = createMysqlHome): Promise<StateStoreHarness> {
  const home = await createHome();
  await prepareMysqlState(home);
  const opened: StateStore[] = [];
  let nowMs = Date.UTC(2026, 0, 1);
  const clock = (): number => nowMs;
  return {
    open: async () => {
      const store = await openMysqlState({ ...home, now: clock, monotonicNow: clock, databaseNow: async () => nowMs });
      opened.push(store);
      return store;
    },
    now: () => new Date(nowMs),
    elapse: async (ms) => {
      nowMs += ms;
    },
    dispose: async () => {
      for (const store of opened) await store.close();
      await home.dispose();
    },
  };
}
