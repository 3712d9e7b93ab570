import { describeMessageQueue } from './message-queue-suite.ts';
import { createEmbeddedHarness } from './state-store-sqlite-harness.ts';

describeMessageQueue('SQLite', async () => {
  const harness = await createEmbeddedHarness({ maxDeliveryAttempts: 4 });
  return {
    ...harness,
    capabilities: { ordered: true, exactDelay: true, fenced: true, leaseMs: 30_000, maxDeliveryAttempts: 4 },
    open: async () => {
      const { queue } = await harness.open();
      return { queue, control: queue };
    },
  };
});
