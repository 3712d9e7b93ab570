import { hostname, userInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedState } from '@object-transfer/core/state/open-embedded-state';
import { expectExitCode } from './command.ts';
import { beginDeadRun, beginRunElsewhere, OperatorRig } from './operator-rig.ts';

let rig: OperatorRig;
let state: EmbeddedState;
beforeEach(async () => {
  rig = await OperatorRig.start();
  state = await rig.open();
});
afterEach(() => rig[Symbol.asyncDispose]());

describe('abandon of a run', () => {
  it('marks a dead one as ABANDONED and says by whom', async () => {
    const runId = await beginDeadRun(state, 'publisher rsync');
    const result = await rig.command('abandon', runId);
    expectExitCode(result, 0);
    expect(result.stdout).toContain('publisher rsync on');
    expect(await state.stateStore.listRuns({ limit: 1 })).toMatchObject([
      { runId, status: 'ABANDONED', exitMessage: `abandoned by ${userInfo().username} on ${hostname()}` },
    ]);
    const again = await rig.command('abandon', runId);
    expectExitCode(again, 2);
    expect(again.stderr).toMatch(/ended at \S+Z, ABANDONED: abandoned by .*; no run is under way/);
  });

  it('takes one that shows life only by force', async () => {
    const runId = await beginRunElsewhere(state, 'worker rsync#1');
    const refused = await rig.command('abandon', runId);
    expectExitCode(refused, 3);
    expect(refused.stderr).toContain('worker rsync on worker-vm-1 (process 7) by alice since');
    expect(refused.stderr).toContain('add --force');
    const forced = await rig.command('abandon', runId, '--force', '--json');
    expectExitCode(forced, 0);
    expect(JSON.parse(forced.stdout)).toEqual({ runId, job: 'worker rsync' });
    await expect(state.stateStore.heartbeatRun(runId)).rejects.toMatchObject({ code: 'STATE_LEASE_LOST' });
  });

  it('names those that are under way where there is no such run', async () => {
    const runId = await beginRunElsewhere(state, 'run');
    const result = await rig.command('abandon', 'no-such-run');
    expectExitCode(result, 2);
    expect(result.stderr).toContain(
      `there is no run "no-such-run"; these are under way:\n  ${runId}  run on worker-vm-1`,
    );
  });

  it.each([{ args: [] }, { args: ['some-run', '--dir', 'a/'] }])('refuses $args', async ({ args }) => {
    const result = await rig.command('abandon', ...args);
    expectExitCode(result, 2);
    expect(result.stderr).toContain('either the id of a run or --dir');
  });
});

describe('abandon of a subfolder', () => {
  const OWNER = 'worker-vm-1:7:0000000a-0001';

  beforeEach(() => state.stateStore.addSubfolders(['', 'a/']));

  it('frees it at once, and its holder loses its lease', async () => {
    const lease = await state.stateStore.startSyncCheck('a/', OWNER, 600_000);
    const result = await rig.command('abandon', '--dir', 'a');
    expectExitCode(result, 0);
    expect(result.stdout).toBe('"a/" is free again\n');
    expect(await state.stateStore.getSubfolder('a/')).toMatchObject({ syncCheckInProgress: false });
    expect(lease && (await state.stateStore.finishSyncCheck(lease, { error: 'late' }))).toBe(false);
    const again = await rig.command('abandon', '--dir', 'a', '--json');
    expect(JSON.parse(again.stdout)).toEqual({ dir: 'a/', wasHeld: false });
  });

  it.each([
    { work: 'a check', job: 'worker syncCheck#1', other: 'worker rsync#1' },
    { work: 'a repair', job: 'worker rsync#1', other: 'worker syncCheck#1' },
    { work: 'a claim', job: 'publisher objects', other: 'dump' },
  ])('while what may do $work of it is alive, takes force', async ({ work, job, other }) => {
    const { stateStore } = state;
    if (work === 'a check') await stateStore.startSyncCheck('a/', OWNER, 600_000);
    else if (work === 'a repair') await stateStore.startRsync('a/', OWNER, 600_000);
    else await stateStore.claimSubfolders({ owner: OWNER, leaseMs: 600_000, limit: 2 });
    await beginRunElsewhere(state, job);
    const refused = await rig.command('abandon', '--dir', 'a/');
    expectExitCode(refused, 3);
    expect(refused.stderr).toContain('STATE_RUN_ACTIVE: "a/" cannot be abandoned while these run:');

    await state.stateStore.abandonRun(`0000000a-${job.replaceAll(/\W/g, '-')}`, 'in the way');
    await beginRunElsewhere(state, other);
    expectExitCode(await rig.command('abandon', '--dir', 'a/'), 0);
  });

  it('names a subfolder that there is not', async () => {
    const result = await rig.command('abandon', '--dir', 'b');
    expectExitCode(result, 2);
    expect(result.stderr).toContain('the state has no subfolder "b/"');
  });
});
