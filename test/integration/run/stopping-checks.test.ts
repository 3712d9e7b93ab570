import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateError } from '@object-transfer/core/domain/errors';
import { createObjectFilter } from '@object-transfer/core/domain/object-filter';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { verifySubfolders } from '@object-transfer/run/verify-subfolders';
import { never } from '../../fixtures/clouds.ts';
import { isList } from './list-requests.ts';
import { MigrationRig } from './migration-rig.ts';

const OWNER = 'otherhost:1:deadbeef-0001';

let rig: MigrationRig;
let state: EmbeddedState;
beforeEach(async () => {
  rig = await MigrationRig.start();
  state = await rig.openState(OWNER);
});
afterEach(async () => {
  await state.close();
  await rig.close();
});

test('a check that fails for all ends the others, and nothing is held any more when its error is thrown', async () => {
  const { clouds } = rig;
  for (const folder of ['fails', 'waits']) clouds.put(`${folder}/object`, 'x');
  await rig.dump(state, never);
  const waits = Promise.withResolvers<void>();
  clouds.break('s3', (request) => {
    if (!isList(request, 'waits/')) return false;
    waits.resolve();
    return true;
  });
  const failure = new StateError('STATE_STORAGE_FULL', 'the disk is full', { op: 'publish' });
  const checked = verifySubfolders(
    {
      mapping: { s3RootPrefix: '', gcsRootPrefix: '' },
      lister: clouds.lister,
      destination: clouds.transferContext().destination,
      filter: createObjectFilter({ storageClasses: [], include: [], exclude: [] }, ''),
      namePolicy: 'fail',
      stateStore: state.stateStore,
      owner: OWNER,
      leaseMs: 60_000,
      publisher: state.queue,
      objectTopic: 'objects',
      packing: { maxObjects: 1, maxBytes: 1 },
      overwrite: 'if-different',
      runStartedAt: new Date(),
      republish: true,
      makeRoom: async () => {
        await waits.promise;
        throw failure;
      },
      onPublished: () => undefined,
      onChecked: () => undefined,
    },
    never,
  );
  await expect(checked).rejects.toBe(failure);
  for (const dirKey of ['fails/', 'waits/']) {
    expect(await state.stateStore.startSyncCheck(dirKey, OWNER, 60_000)).toBeDefined();
  }
});
