import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectExitCode } from './command.ts';
import { OperatorRig } from './operator-rig.ts';

const MIB = 1024 ** 2;

let rig: OperatorRig;
beforeEach(async () => {
  rig = await OperatorRig.start();
});
afterEach(() => rig[Symbol.asyncDispose]());

async function limits(...flags: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
  const result = await rig.command('limits', '--json', ...flags);
  expectExitCode(result, 0);
  return JSON.parse(result.stdout) as Readonly<Record<string, unknown>>;
}

describe('limits', () => {
  it('shows what was set, keeps it, and takes it back', async () => {
    await rig.open();
    const nothing = { liveWorkers: 0, maxBytesPerSecond: 'default', maxWritesPerSecond: 'default' };
    expect(await limits()).toEqual({ state: 'object-transfer.sqlite', at: expect.any(String), ...nothing });
    expect(await limits('--max-bandwidth', '500MiB')).toMatchObject({ ...nothing, maxBytesPerSecond: 500 * MIB });
    const both = { maxBytesPerSecond: 500 * MIB, maxWritesPerSecond: 2000 };
    expect(await limits('--writes-per-second', '2000')).toMatchObject(both);
    expect(await limits('--max-bandwidth', 'none')).toMatchObject({ ...both, maxBytesPerSecond: 'none' });
    expect(await limits('--max-bandwidth', 'default', '--writes-per-second', 'default')).toMatchObject(nothing);
  });

  it('says for people what each worker gets, and how far the ramp is', async () => {
    const { stateStore } = await rig.open();
    const worker = { runId: undefined, host: 'host', pid: 1, counters: {} };
    for (const [workerId, mode] of [
      ['w-1', 'cdnTransfer'],
      ['w-2', 'rsync'],
      ['w-3', 'syncCheck'],
    ] as const) {
      await stateStore.reportWorker({ ...worker, workerId, mode });
    }
    const now = Date.now();
    const ramp = { startPerSecond: 1000, doublingMs: 1_200_000 };
    const startedAt = new Date(now - 2_400_000).toISOString();
    const usedAt = new Date(now).toISOString();
    await stateStore.replaceControl('write_ramp', undefined, JSON.stringify({ startedAt, usedAt, ...ramp }));
    const set = await rig.command('limits', '--max-bandwidth', '1.5GiB', '--writes-per-second', '3');
    expectExitCode(set, 0);
    expect(set.stdout).toContain('live workers  2\n');
    expect(set.stdout).toContain('bandwidth     1.50 GiB/s, as set here; 768 MiB/s for each worker\n');
    expect(set.stdout).toContain('writes        3 writes/s, as set here; 1.5 writes/s for each worker\n');
    expect(set.stdout).toContain('not in force while a limit of the writes is set here\n');
    const unset = await rig.command('limits', '--max-bandwidth', 'none', '--writes-per-second', 'default');
    expect(unset.stdout).toContain('bandwidth     no limit, as set here\n');
    expect(unset.stdout).toContain('writes        as the workers are configured\n');
    expect(unset.stdout).toMatch(/write ramp {4}4,0\d\d writes\/s since \S+Z from 1,000, doubling every 20 minutes\n/);
  });

  it.each([
    { flags: ['--max-bandwidth', '500'], named: '--max-bandwidth' },
    { flags: ['--max-bandwidth', '1B'], named: 'from 1KiB to 1024TiB' },
    { flags: ['--writes-per-second', '0'], named: 'a whole number from 1 to 1000000, none or default' },
    { flags: ['--writes-per-second', '1.5'], named: '--writes-per-second' },
  ])('refuses $flags and changes nothing', async ({ flags, named }) => {
    await rig.open();
    const result = await rig.command('limits', ...flags);
    expectExitCode(result, 2);
    expect(result.stderr).toContain(named);
    expect(await limits()).toMatchObject({ maxBytesPerSecond: 'default', maxWritesPerSecond: 'default' });
  });

  it('makes no state where there is none', async () => {
    const result = await rig.command('limits', '--max-bandwidth', '1MiB');
    expectExitCode(result, 2);
    expect(result.stderr).toContain('CONFIG_STATE_MISSING');
  });
});
