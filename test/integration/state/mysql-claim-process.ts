import { appendFileSync } from 'node:fs';
import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { openMysqlState } from '@object-transfer/core/state/open-mysql-state';

/**
 * A publisher for tests: `node mysql-claim-process.ts <options as JSON> <output file>`. Claims subfolders, notes each claim
 * in the output, then what the store says to its confirmation, until there are none.
 */
const [options, output] = process.argv.slice(2);
if (options === undefined || output === undefined) throw new Error('usage: <options as JSON> <output file>');

const { id } = createProcessIdentity();
const store = await openMysqlState(JSON.parse(options) as Parameters<typeof openMysqlState>[0]);

async function publish(): Promise<void> {
  for (;;) {
    const leases = await store.claimSubfolders({ owner: id, leaseMs: 600_000, limit: 5 });
    if (leases.length === 0) return;
    for (const { dirKey } of leases) appendFileSync(output as string, `claimed ${dirKey}\n`);
    for (const lease of leases) {
      const isConfirmed = await store.confirmPublished(lease, { objects: 1, bytes: 1 });
      appendFileSync(output as string, `${isConfirmed ? 'confirmed' : 'lost'} ${lease.dirKey}\n`);
    }
  }
}

await Promise.all([publish(), publish(), publish()]);
await store.close();
process.disconnect();
