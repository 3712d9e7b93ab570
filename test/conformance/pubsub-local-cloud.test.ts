import { type PubsubServer, startPubsubServer } from '@object-transfer/local-cloud/pubsub/pubsub-server';
import { afterEach } from 'vitest';
import { describeMessageQueue } from './message-queue-suite.ts';
import { createPubsubHarness } from './pubsub-harness.ts';

let server: PubsubServer | undefined;

describeMessageQueue('Pub/Sub of the local cloud', async () => {
  let nowMs = Date.now();
  const started = await startPubsubServer({ now: () => nowMs });
  server = started;
  const elapse = async (ms: number): Promise<void> => {
    nowMs += ms;
    started.settleDue();
  };
  return createPubsubHarness({ host: started.host, clock: { now: () => nowMs, elapse } });
});

afterEach(() => server?.close());
