import { appendFileSync } from 'node:fs';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { openEmbeddedState } from '@object-transfer/core/state/open-embedded-state';

/**
 * A publisher for tests: `node claim-process.ts <state file> <output file>`. Claims subfolders, publishes one message for
 * each and confirms it, until there are none.
 */
const [file, output] = process.argv.slice(2);
if (file === undefined || output === undefined) throw new Error('usage: <state file> <output file>');

const { id } = createProcessIdentity();
const state = await openEmbeddedState(file, { owner: id });
const { stateStore, queue } = state;
for (;;) {
  const leases = await stateStore.claimSubfolders({ owner: id, leaseMs: 600_000, limit: 5 });
  if (leases.length === 0) break;
  for (const lease of leases) {
    await queue.publish('objects', [{ data: lease.dirKey }]);
    if (await stateStore.confirmPublished(lease, { objects: 1, bytes: 1 })) appendFileSync(output, `${lease.dirKey}\n`);
  }
}
await state.close();
process.disconnect();
