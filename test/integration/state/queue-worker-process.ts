import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';

/**
 * A worker for tests: `node queue-worker-process.ts <state file> <output file> <lease in ms>`. Notes each message in the
 * output before it acks it, until SIGTERM. Given `hold` as fourth argument, it receives ten messages, says so, and
 * settles none.
 */
const [file, output, leaseMs, hold] = process.argv.slice(2);
if (file === undefined || output === undefined) throw new Error('usage: <state file> <output file> <lease in ms>');

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const state = await openEmbeddedState(file, { owner: createProcessIdentity().id });
const subscription = state.queue.subscribe('objects');
process.send?.('ready');
while (!stop.signal.aborted) {
  const messages = await subscription.pull({
    maxMessages: 10,
    leaseMs: Number(leaseMs),
    waitMs: 1000,
    signal: stop.signal,
  });
  if (hold === 'hold' && messages.length > 0) {
    process.send?.('holding');
    await delay(600_000);
  }
  for (const message of messages) appendFileSync(output, `${message.data}\n`);
  await Promise.all(messages.map((message) => message.ack()));
}
await state.close();
process.disconnect();
