import { createEmbeddedHarness } from './state-store-sqlite-harness.ts';
import { describeStateStore } from './state-store-suite.ts';

describeStateStore('SQLite', async () => {
  const harness = await createEmbeddedHarness();
  return { ...harness, open: async () => (await harness.open()).stateStore };
});
