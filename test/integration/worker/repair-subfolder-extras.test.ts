import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SubfolderRig } from './subfolder-rig.ts';
import { fillSubfolder } from './tamperings.ts';

let rig: SubfolderRig;
beforeEach(async () => {
  rig = await SubfolderRig.start();
});
afterEach(() => rig.close());

/** Another engine transfers by itself, and leaves the deletions to the repair; this one finds nothing to transfer. */
const ENGINES = [
  ['native', {}],
  ['another engine', { syncFolder: () => Promise.resolve() }],
] as const;

describe('what only the destination has', () => {
  beforeEach(async () => {
    await fillSubfolder(rig, 'dir/');
    await rig.state.stateStore.addSubfolders(['dir/']);
    rig.write('dir/yankee', 'yankee');
    rig.write('dir/zulu', 'zulu');
    await rig.check('dir/');
  });

  test.each(ENGINES)('stays, and is named, where nobody asked for its deletion: %s', async (_, engine) => {
    await rig.repair('dir/', engine);
    expect(rig.deletions).toBe(0);
    expect(await rig.openErrors('dir/')).toEqual(['CHECK_EXTRA dir/yankee', 'CHECK_EXTRA dir/zulu']);
    expect(await rig.status('dir/')).toBe('verified');
    expect(await rig.arrived()).toMatchObject({ 'dir/zulu': 'zulu' });
  });

  test.each(ENGINES)('goes where that is asked for, and nothing beside the subfolder does: %s', async (_, engine) => {
    for (const name of ['dir-zulu', 'dis/zulu', 'zulu']) rig.write(name, 'of others');
    const { transfer } = rig.repairing();
    await rig.repair('dir/', { ...engine, transfer, deleteExtra: true });
    expect(rig.counters.objectsDeleted).toBe(2);
    expect(transfer.rates.writes.granted).toBe(2);
    const names = Object.keys(await rig.arrived());
    expect(names).toEqual(expect.arrayContaining(['dir-zulu', 'dis/zulu', 'zulu', 'dir/alpha']));
    expect(names.filter((name) => name.startsWith('dir/'))).toHaveLength(5);
    expect(await rig.openErrors('dir/')).toEqual([]);
  });

  test('survives where it was written anew between the listing and the deletion', async () => {
    rig.clouds.break('gcs', ({ method, url }) => {
      if (method === 'DELETE' && url?.includes('zulu') === true) rig.write('dir/zulu', 'anew');
      return false;
    });
    await rig.repair('dir/', { deleteExtra: true });
    expect(await rig.arrived()).toMatchObject({ 'dir/zulu': 'anew' });
    expect(Object.keys(await rig.arrived())).not.toContain('dir/yankee');
    expect(await rig.openErrors('dir/')).toEqual(['CHECK_EXTRA dir/zulu']);
    expect(await rig.row('dir/')).toMatchObject({ extraCount: 1 });
  });

  test('and cannot be deleted is named, and keeps nothing else from being repaired', async () => {
    rig.remove('dir/bravo');
    rig.clouds.break('gcs', ({ method, url }, response) => {
      if (method !== 'DELETE' || url?.includes('yankee') !== true) return false;
      response.writeHead(403).end();
      return true;
    });
    await rig.repair('dir/', { deleteExtra: true });
    expect(rig.counters.objectsDeleted).toBe(1);
    expect(await rig.openErrors('dir/')).toEqual(['CHECK_EXTRA dir/yankee']);
    expect(await rig.status('dir/')).toBe('verified');
  });

  test('stays where the filter leaves its source out', async () => {
    rig.put('dir/zulu', 'of the source');
    const comparison = rig.comparison({ filter: ({ key }) => !key.endsWith('zulu') });
    await rig.repair('dir/', { comparison, deleteExtra: true });
    expect(await rig.arrived()).toMatchObject({ 'dir/zulu': 'zulu' });
    expect(rig.counters).toMatchObject({ objectsDeleted: 1, objectsTransferred: 0 });
  });
});
