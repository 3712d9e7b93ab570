import { createProcessIdentity } from '@object-transfer/core/runtime/process-identity';
import { partsPrefix } from '@object-transfer/worker/cdn-transfer/sweep-parts';
import { expect, test } from 'vitest';
import { DESTINATION_BUCKET } from '../../fixtures/clouds.ts';
import { MigrationRig } from './migration-rig.ts';

test('a part that arrives after its transfer was given up is gone when the run ends; those of others stay', async () => {
  const rig = await MigrationRig.start();
  try {
    rig.clouds.put('object', 'bytes');
    const late = `${partsPrefix('', createProcessIdentity().id)}given-up/0`;
    const foreign = `${partsPrefix('', 'another-host:1:0000000a-0001')}under-way/0`;
    await rig.migrate({
      onPhase: (phase) => {
        if (phase !== 'checking') return;
        for (const name of [late, foreign]) rig.clouds.gcs.objects.put(DESTINATION_BUCKET, name, 'part');
      },
    });
    expect(rig.clouds.leftovers()).toEqual([foreign]);
  } finally {
    await rig.close();
  }
});
