import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { equalFigures } from './operator-figures.ts';
import { beginDeadRun, beginRunElsewhere, OperatorRig } from './operator-rig.ts';

let rig: OperatorRig;
let state: EmbeddedState;
const DIR_KEYS = ['', '2018/', '2019/', 'other/'];

/** Everything is published, compared, found unequal, and published to be repaired. */
beforeEach(async () => {
  rig = await OperatorRig.start();
  state = await rig.open();
  const { stateStore } = state;
  const claim = { owner: 'host:1:0000000a', leaseMs: 60_000, limit: DIR_KEYS.length };
  await stateStore.addSubfolders(DIR_KEYS);
  for (const lease of await stateStore.claimSubfolders(claim)) {
    await stateStore.confirmPublished(lease, { objects: 1, bytes: 1 });
  }
  for (const lease of await stateStore.claimSubfolders({ ...claim, target: 'syncCheck' })) {
    await stateStore.confirmWorkPublished(lease, 'syncCheck');
  }
  for (const dirKey of DIR_KEYS) {
    const lease = await stateStore.startSyncCheck(dirKey, claim.owner, claim.leaseMs);
    if (lease !== undefined)
      await stateStore.finishSyncCheck(lease, { figures: { ...equalFigures(2, 2), missingCount: 1 } });
  }
  for (const lease of await stateStore.claimSubfolders({ ...claim, target: 'rsync' })) {
    await stateStore.confirmWorkPublished(lease, 'rsync');
  }
});
afterEach(() => rig[Symbol.asyncDispose]());

type Flag = 'initialTransfer' | 'syncCheckPublished' | 'rsyncPublished';

async function dirKeysWith(flag: Flag, value: boolean): Promise<readonly string[]> {
  const rows = await state.stateStore.listSubfolders(undefined, 100);
  return rows.filter((row) => row[flag] === value).map(({ dirKey }) => dirKey);
}

describe('reset', () => {
  it.each([
    {
      what: 'sync-check',
      flags: ['--dir', '2018', '--dir', ''],
      flag: 'syncCheckPublished',
      value: false,
      reset: ['', '2018/'],
    },
    {
      what: 'sync-check',
      flags: ['--glob', '20*'],
      flag: 'syncCheckPublished',
      value: false,
      reset: ['2018/', '2019/'],
    },
    {
      what: 'rsync',
      flags: ['--glob', '*9', '--glob', 'other/'],
      flag: 'rsyncPublished',
      value: false,
      reset: ['2019/', 'other/'],
    },
    { what: 'rsync', flags: ['--all', '--yes'], flag: 'rsyncPublished', value: false, reset: DIR_KEYS },
    { what: 'cdn-transfer', flags: ['--dir', 'other/'], flag: 'initialTransfer', value: true, reset: ['other/'] },
    { what: 'rsync', flags: ['--glob', 'no-such-*'], flag: 'rsyncPublished', value: false, reset: [] },
  ] as const)('$what $flags makes those due again, and no others', async ({ what, flags, flag, value, reset }) => {
    const tried = await rig.command('reset', what, ...flags, '--dry-run', '--json');
    expect(JSON.parse(tried.stdout)).toEqual({ reset: what, subfolders: reset.length, dryRun: true });
    expect(await dirKeysWith(flag, value)).toEqual([]);

    const result = await rig.command('reset', what, ...flags);
    expectExitCode(result, 0);
    expect(result.stdout).toMatch(new RegExp(`of ${reset.length} subfolders? was reset\n`));
    expect(await dirKeysWith(flag, value)).toEqual(reset);
    const rest = (['initialTransfer', 'syncCheckPublished', 'rsyncPublished'] as const).filter(
      (other) => other !== flag,
    );
    for (const other of rest) expect(await dirKeysWith(other, other === 'initialTransfer')).toEqual([]);
  });

  it.each([
    { flags: ['--all'], named: '--all needs --yes' },
    { flags: [], named: 'one of --dir, --glob and --all' },
    { flags: ['--all', '--dir', '2018/', '--yes'], named: 'one of --dir, --glob and --all' },
    { flags: ['--dir', '2018/', '--purge'], named: '--purge empties the whole subscription' },
    { flags: ['--dir', '2018/', '--dir', '2020/'], named: 'no subfolder "2020/"' },
  ])('refuses $flags and changes nothing', async ({ flags, named }) => {
    await state.queue.publish('sync-checks', [{ data: 'x' }]);
    const result = await rig.command('reset', 'sync-check', ...flags);
    expectExitCode(result, 2);
    expect(result.stderr).toContain(named);
    expect(await dirKeysWith('syncCheckPublished', false)).toEqual([]);
    expect((await state.queue.backlog('sync-checks')).waiting).toBe(1);
  });

  it.each([
    { what: 'sync-check', subscription: 'sync-checks' },
    { what: 'rsync', subscription: 'rsyncs' },
    { what: 'cdn-transfer', subscription: 'objects' },
  ])('$what --purge empties $subscription alone', async ({ what, subscription }) => {
    const all = ['sync-checks', 'rsyncs', 'objects'];
    for (const topic of all) await state.queue.publish(topic, [{ data: '1' }, { data: '2' }]);
    const result = await rig.command('reset', what, '--all', '--yes', '--purge', '--json');
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toEqual({
      reset: what,
      subfolders: 4,
      dryRun: false,
      purged: { subscription, messages: 2 },
    });
    const waiting = await Promise.all(all.map(async (name) => (await state.queue.backlog(name)).waiting));
    expect(waiting).toEqual(all.map((name) => (name === subscription ? 0 : 2)));
  });

  describe('while a run is alive that may be at work on it', () => {
    it.each([
      ['sync-check', 'worker syncCheck#1'],
      ['sync-check', 'publisher sync-check'],
      ['rsync', 'worker rsync#1'],
      ['rsync', 'publisher rsync'],
      ['cdn-transfer', 'worker cdnTransfer#1'],
      ['cdn-transfer', 'publisher objects#1'],
      ['cdn-transfer', 'run'],
    ])('refuses to reset %s and names %s, unless it is forced', async (what, job) => {
      await state.queue.publish('sync-checks', [{ data: 'x' }]);
      await beginRunElsewhere(state, job);
      const refused = await rig.command('reset', what, '--all', '--yes', '--purge');
      expectExitCode(refused, 3);
      expect(refused.stderr).toContain('STATE_RUN_ACTIVE');
      expect(refused.stderr).toContain(`${job.replace('#1', '')} on worker-vm-1 (process 7) by alice since`);
      expect(refused.stderr).toContain('--force');
      expect(await dirKeysWith('initialTransfer', true)).toEqual([]);
      expect(await dirKeysWith('syncCheckPublished', false)).toEqual([]);
      expect(await dirKeysWith('rsyncPublished', false)).toEqual([]);
      expect((await state.queue.backlog('sync-checks')).waiting).toBe(1);
      expectExitCode(await rig.command('reset', what, '--all', '--yes', '--force'), 0);
    });
  });

  it('does not wait for runs of other kinds, nor for those that are dead or have no heartbeat', async () => {
    await beginRunElsewhere(state, 'worker rsync#1');
    await beginRunElsewhere(state, 'publisher objects');
    await beginDeadRun(state, 'publisher sync-check');
    await beginRunElsewhere(await rig.open(-61_000), 'worker syncCheck#1');
    expectExitCode(await rig.command('reset', 'sync-check', '--dir', '2018'), 0);
    expect(await dirKeysWith('syncCheckPublished', false)).toEqual(['2018/']);
  });
});
