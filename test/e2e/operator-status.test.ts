import { readdir, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { equalFigures } from './operator-figures.ts';
import { expectExitCode } from './command.ts';
import { beginDeadRun, beginRunElsewhere, openError, OperatorRig } from './operator-rig.ts';

let rig: OperatorRig;
beforeEach(async () => {
  rig = await OperatorRig.start();
});
afterEach(() => rig[Symbol.asyncDispose]());

const OWNER = 'worker-vm-1:7:0000000a-0001';

/** Four subfolders: one waits, one is published, one verified, one mismatched and being repaired. */
async function fill(): Promise<{ readonly runId: string }> {
  const { stateStore } = await rig.open();
  await stateStore.addSubfolders(['', 'a/', 'b/', 'c/']);
  for (const lease of await stateStore.claimSubfolders({ owner: OWNER, leaseMs: 60_000, limit: 4 })) {
    if (lease.dirKey === '') await stateStore.releaseSubfolder(lease);
    else await stateStore.confirmPublished(lease, { objects: 10, bytes: 1000 });
  }
  for (const dirKey of ['b/', 'c/']) {
    const lease = await stateStore.startSyncCheck(dirKey, OWNER, 60_000);
    if (lease === undefined) throw new Error('somebody has it');
    const figures = { ...equalFigures(10, 1000), missingCount: dirKey === 'c/' ? 1 : 0 };
    await stateStore.finishSyncCheck(lease, { figures });
  }
  await stateStore.startRsync('c/', OWNER, 60_000);
  await stateStore.recordObjectErrors([
    openError('c/', '1', 'CHECK_MISSING'),
    openError('a/', '1', 'SOURCE_ARCHIVED'),
    openError('a/', '2', 'SOURCE_ARCHIVED'),
  ]);
  const runId = await beginRunElsewhere({ stateStore }, 'worker cdnTransfer#1', {
    objectsTransferred: 7,
    objectsSkipped: 2,
    objectsFailed: 1,
    bytesTransferred: 700,
  });
  return { runId };
}

describe('status', () => {
  it('tells the funnel, what was transferred, the open errors and what runs', async () => {
    const { runId } = await fill();
    const result = await rig.command('status', '--json');
    expectExitCode(result, 0);
    expect(JSON.parse(result.stdout)).toEqual({
      state: 'object-transfer.sqlite',
      at: expect.any(String),
      subfolders: {
        listed: 4,
        waiting: 1,
        published: 3,
        checked: 2,
        mismatched: 1,
        failed: 0,
        verified: 1,
        repaired: 0,
        beingChecked: 0,
        beingRepaired: 1,
      },
      objects: { published: 30, transferred: 7, skipped: 2, failed: 1 },
      bytes: { published: 3000, transferred: 700 },
      openErrors: {
        total: 3,
        byCode: [
          { code: 'SOURCE_ARCHIVED', count: 2 },
          { code: 'CHECK_MISSING', count: 1 },
        ],
      },
      runs: [
        {
          runId,
          job: 'worker cdnTransfer',
          host: 'worker-vm-1',
          pid: 7,
          user: 'alice',
          startedAt: expect.any(String),
          heartbeatAt: expect.any(String),
          alive: true,
          counters: { objectsTransferred: 7, objectsSkipped: 2, objectsFailed: 1, bytesTransferred: 700 },
        },
      ],
    });

    const { stdout } = await rig.command('status');
    expect(stdout).toMatch(/listed +4\n/);
    expect(stdout).toMatch(/published +3 {2}1 waiting\n/);
    expect(stdout).toMatch(/mismatched +1 {2}1 being repaired now\n/);
    expect(stdout).toMatch(/transferred +7 {2}700 B\n/);
    expect(stdout).toMatch(/2 {2}SOURCE_ARCHIVED\n/);
    expect(stdout).toMatch(
      /worker cdnTransfer on worker-vm-1 \(process 7\) by alice since \S+Z, heartbeat \d\d:\d\d ago\n/,
    );
    expect(stdout).toContain(
      `${runId}  objects transferred 7, objects skipped 2, objects failed 1, bytes transferred 700 B\n`,
    );
  });

  it('marks runs that show no sign of life: those without a heartbeat, and those whose process is gone', async () => {
    const silent = await beginRunElsewhere(await rig.open(-61_000), 'run');
    const dead = await beginDeadRun(await rig.open(), 'publisher objects');
    const alive = await beginRunElsewhere(await rig.open(-30_000), 'worker rsync#1');
    const { stdout } = await rig.command('status', '--json');
    const { runs } = JSON.parse(stdout) as {
      readonly runs: readonly { readonly runId: string; readonly alive: boolean }[];
    };
    expect(Object.fromEntries(runs.map(({ runId, alive: isAlive }) => [runId, isAlive]))).toEqual({
      [silent]: false,
      [dead]: false,
      [alive]: true,
    });
    const text = await rig.command('status');
    expect(text.stdout.match(/NO SIGN OF LIFE since \d{4}-/g)).toHaveLength(2);
  });

  it("counts what a run's processes have reported and it does not know yet, and each run once", async () => {
    const { stateStore } = await rig.open();
    const report = (workerId: string, runId: string, objectsTransferred: number) =>
      stateStore.reportWorker({
        workerId,
        runId,
        mode: 'cdnTransfer',
        host: 'h',
        pid: 1,
        counters: { objectsTransferred },
      });
    const ended = await beginRunElsewhere({ stateStore }, 'worker cdnTransfer#1');
    await report('w1', ended, 90);
    await stateStore.endRun(ended, 'SUCCEEDED', undefined, { objectsTransferred: 100 });
    const silent = await beginRunElsewhere({ stateStore }, 'run');
    await report('w2', silent, 20);
    await stateStore.abandonRun(silent, 'in the way');
    const running = await beginRunElsewhere({ stateStore }, 'worker cdnTransfer#2', { objectsTransferred: 1 });
    await report('w3', running, 3);
    await report('w4', running, 4);
    const { stdout } = await rig.command('status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      objects: { transferred: 127 },
      runs: [{ runId: running, counters: { objectsTransferred: 7 } }],
    });
  });

  it('with --watch shows it again and again, and ends on SIGINT with exit code 0', async () => {
    await fill();
    await using watching = rig.start('status', '--watch', '0.1', '--json');
    await watching.waitForOutput('"at"');
    const { stateStore } = await rig.open();
    await stateStore.addSubfolders(['d/']);
    await watching.waitForOutput('"listed":5');
    watching.kill('SIGINT');
    const result = await watching.ended;
    expectExitCode(result, 0);
    const lines = result.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly subfolders: { readonly listed: number } });
    expect(new Set(lines.map(({ subfolders }) => subfolders.listed))).toEqual(new Set([4, 5]));
  });

  it.each(['status', 'errors list', 'errors retry', 'diff', 'reset rsync --all --yes', 'abandon --dir a/'])(
    '%s creates no state where there is none, nor tables in an empty file',
    async (commandLine) => {
      const args = commandLine.split(' ');
      const missing = await rig.command(...args);
      expectExitCode(missing, 2);
      expect(missing.stderr).toContain('CONFIG_STATE_MISSING: there is no state in "object-transfer.sqlite"');
      expect(await readdir(rig.directory)).toEqual([]);

      await writeFile(rig.stateFile, '');
      expectExitCode(await rig.command(...args), 2);
      expect(await readdir(rig.directory)).toEqual(['object-transfer.sqlite']);
    },
  );
});
