import type { RunRecord, StateStore } from '@object-transfer/core/ports/state-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateStoreHarness } from './state-store-harness.ts';

const run = { runId: 'run-1', job: 'run', host: 'host', pid: 1, staleAfterMs: 60_000, isAlive: (): boolean => true };

function errorOf(key: string, dirKey = 'a/') {
  return { dirKey, key, code: 'SOURCE_NOT_FOUND', message: '404', attempts: 1 };
}

/** What every state store must do with object errors, runs and workers. */
export function describeStateRecords(name: string, createHarness: () => Promise<StateStoreHarness>): void {
  describe(`${name} as a store of errors, runs and workers`, () => {
    let harness: StateStoreHarness;
    let store: StateStore;

    beforeEach(async () => {
      harness = await createHarness();
      store = await harness.open();
    });

    afterEach(async () => {
      await harness.dispose();
    });

    describe('object errors', () => {
      it('keeps one open error per key, with the newest reason and both times', async () => {
        await store.recordObjectErrors([errorOf('a/x')]);
        const firstSeen = harness.now();
        await harness.elapse(5000);
        await store.recordObjectErrors([{ ...errorOf('a/x'), code: 'SOURCE_FORBIDDEN', message: '403', attempts: 2 }]);
        const [open, ...others] = await store.listOpenObjectErrors({ limit: 10 });
        expect(others).toEqual([]);
        expect(open).toMatchObject({ ...errorOf('a/x'), code: 'SOURCE_FORBIDDEN', message: '403', attempts: 2 });
        expect(open?.firstSeen.getTime()).toBeLessThanOrEqual(firstSeen.getTime());
        expect((open?.lastSeen.getTime() ?? 0) - (open?.firstSeen.getTime() ?? 0)).toBeGreaterThanOrEqual(5000);
      });

      it('lists them by key, for one subfolder or all, up to the limit', async () => {
        await store.recordObjectErrors([errorOf('b/1', 'b/'), errorOf('a/2'), errorOf('a/1'), errorOf('a.txt', '')]);
        const listed = async (dirKey: string | undefined, limit: number): Promise<readonly string[]> =>
          (await store.listOpenObjectErrors({ dirKey, limit })).map((open) => open.key);
        expect(await listed(undefined, 10)).toEqual(['a.txt', 'a/1', 'a/2', 'b/1']);
        expect(await listed('a/', 10)).toEqual(['a/1', 'a/2']);
        expect(await listed('', 10)).toEqual(['a.txt']);
        expect(await listed(undefined, 2)).toEqual(['a.txt', 'a/1']);
      });

      it('lists those of a subfolder in pages that follow the keys', async () => {
        const keys = ['', 'A', 'a', 'a ', 'b', '\u00e9', '\uff5e', '\u{1f600}'].map((suffix) => `a/${suffix}`);
        await store.recordObjectErrors([...keys.map((key) => errorOf(key)), errorOf('a/b', ''), errorOf('b/1', 'b/')]);
        await store.resolveObjectErrors('a/', ['a/b']);
        const seen: string[] = [];
        for (let afterKey: string | undefined; ; afterKey = seen.at(-1)) {
          const page = await store.listOpenObjectErrors({ dirKey: 'a/', afterKey, limit: 3 });
          if (page.length === 0) break;
          seen.push(...page.map((open) => open.key));
        }
        expect(seen).toEqual(keys.filter((key) => key !== 'a/b'));
      });

      it('tells keys apart byte for byte', async () => {
        const keys = ['a/X', 'a/x', 'a/x ', 'a/caf\u00e9', 'a/cafe\u0301', 'a/\u{1f600}'];
        await store.recordObjectErrors(keys.map((key) => errorOf(key)));
        await store.resolveObjectErrors('a/', ['a/x', 'a/caf\u00e9']);
        const open = (await store.listOpenObjectErrors({ limit: 10 })).map((o) => o.key);
        expect(open).toEqual(['a/X', 'a/cafe\u0301', 'a/x ', 'a/\u{1f600}'].toSorted());
      });

      it('closes resolved errors; a key that fails again begins afresh', async () => {
        await store.recordObjectErrors([errorOf('a/x'), errorOf('a/y')]);
        await store.resolveObjectErrors('a/', ['a/x', 'a/never-failed']);
        expect((await store.listOpenObjectErrors({ limit: 10 })).map((open) => open.key)).toEqual(['a/y']);
        await harness.elapse(5000);
        const before = harness.now();
        await store.recordObjectErrors([{ ...errorOf('a/x'), attempts: 7 }]);
        const [again] = await store.listOpenObjectErrors({ dirKey: 'a/', limit: 1 });
        expect(again).toMatchObject({ key: 'a/x', attempts: 7 });
        expect(again?.firstSeen.getTime()).toBeGreaterThanOrEqual(before.getTime() - 1000);
      });

      it('takes more errors at once than a statement has parameters', async () => {
        const keys = Array.from({ length: 2500 }, (_, i) => `a/${i}`);
        await store.recordObjectErrors(keys.map((key) => errorOf(key)));
        expect(await store.listOpenObjectErrors({ limit: 5000 })).toHaveLength(keys.length);
        await store.resolveObjectErrors('a/', keys);
        expect(await store.listOpenObjectErrors({ limit: 5000 })).toEqual([]);
      });
    });

    describe('runs', () => {
      it('refuses a second run of a job that is running, and names it', async () => {
        await store.beginRun(run);
        await expect(store.beginRun({ ...run, runId: 'run-2' })).rejects.toMatchObject({
          code: 'STATE_RUN_ACTIVE',
          retryable: false,
          message: expect.stringMatching(/already running since \d{4}-.* on host/),
        });
        await store.beginRun({ ...run, runId: 'run-3', job: 'dump' });
      });

      it('lets one of two that begin at the same time in', async () => {
        const other = await harness.open();
        const results = await Promise.allSettled([
          store.beginRun(run),
          other.beginRun({ ...run, runId: 'run-2' }),
          store.beginRun({ ...run, runId: 'run-3' }),
        ]);
        expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
      });

      it('lets the next run begin when the one before has ended', async () => {
        await store.beginRun(run);
        await store.endRun('run-1', 'SUCCEEDED', undefined);
        await expect(store.beginRun({ ...run, runId: 'run-2' })).resolves.toBeUndefined();
      });

      it('takes over from a run whose heartbeat is stale, which then learns it', async () => {
        await store.beginRun(run);
        await harness.elapse(run.staleAfterMs - 1000);
        await store.heartbeatRun('run-1');
        await harness.elapse(run.staleAfterMs - 1000);
        await expect(store.beginRun({ ...run, runId: 'run-2' })).rejects.toMatchObject({ code: 'STATE_RUN_ACTIVE' });
        await harness.elapse(1000);
        await store.beginRun({ ...run, runId: 'run-2' });
        await expect(store.heartbeatRun('run-1')).rejects.toMatchObject({ code: 'STATE_LEASE_LOST' });
        await expect(store.endRun('run-1', 'SUCCEEDED', undefined)).rejects.toMatchObject({ code: 'STATE_LEASE_LOST' });
        await store.heartbeatRun('run-2');
      });

      it('takes over at once from a run whose process is gone', async () => {
        await store.beginRun(run);
        const asked: RunRecord[] = [];
        const isAlive = (other: RunRecord): boolean => {
          asked.push(other);
          return false;
        };
        await store.beginRun({ ...run, runId: 'run-2', isAlive });
        expect(asked).toMatchObject([{ runId: 'run-1', job: 'run', host: 'host', pid: 1, status: 'RUNNING' }]);
        await expect(store.heartbeatRun('run-1')).rejects.toMatchObject({ code: 'STATE_LEASE_LOST' });
      });
    });

    describe('what a fleet shares', () => {
      const report = { workerId: 'w-1', runId: undefined, mode: 'cdnTransfer', host: 'host', pid: 1, counters: {} };
      const request = { modes: ['cdnTransfer', 'rsync'], staleAfterMs: 60_000, controls: ['first', 'second'] };

      it('counts the workers of the modes that are asked for, as long as they report', async () => {
        const other = await harness.open();
        const count = async (): Promise<number> => (await store.readFleet(request)).liveWorkers;
        expect(await count()).toBe(0);
        await store.reportWorker(report);
        await other.reportWorker({ ...report, workerId: 'w-2', runId: 'run-1', mode: 'rsync' });
        await other.reportWorker({ ...report, workerId: 'w-3', mode: 'syncCheck' });
        expect(await count()).toBe(2);
        await harness.elapse(59_000);
        expect(await count()).toBe(2);
        await store.reportWorker(report);
        await harness.elapse(1000);
        expect(await count()).toBe(1);
        await other.reportWorker({ ...report, workerId: 'w-2', mode: 'rsync' });
        expect(await count()).toBe(2);
      });

      it('counts a worker no more after its last report', async () => {
        await store.reportWorker(report);
        await store.reportWorker({ ...report, workerId: 'w-2', hasEnded: true });
        expect((await store.readFleet(request)).liveWorkers).toBe(1);
        await store.reportWorker({ ...report, hasEnded: true });
        expect((await store.readFleet(request)).liveWorkers).toBe(0);
        await store.reportWorker(report);
        expect((await store.readFleet(request)).liveWorkers).toBe(1);
      });

      it('tells a worker that has ended or not reported for long from one that lives, or is not known', async () => {
        const isSilent = (workerId: string): Promise<boolean> => store.isWorkerSilent(workerId, 60_000);
        await store.reportWorker(report);
        await store.reportWorker({ ...report, workerId: 'w-2' });
        expect(await isSilent(report.workerId)).toBe(false);
        await harness.elapse(59_000);
        await store.reportWorker({ ...report, workerId: 'w-2' });
        expect(await isSilent(report.workerId)).toBe(false);
        await harness.elapse(1000);
        expect(await isSilent(report.workerId)).toBe(true);
        expect(await isSilent('w-2')).toBe(false);
        await store.reportWorker({ ...report, workerId: 'w-2', hasEnded: true });
        expect(await isSilent('w-2')).toBe(true);
        expect(await isSilent('nobody')).toBe(false);
      });

      it('reads the controls that are asked for and have a value, and the time of its clock', async () => {
        await store.settleControl('first', '1');
        await store.settleControl('third', '3');
        const { at, controls } = await (await harness.open()).readFleet(request);
        expect(Object.fromEntries(controls)).toEqual({ first: '1' });
        expect(Math.abs(at.getTime() - harness.now().getTime())).toBeLessThan(1000);
      });

      it('replaces a control that has the expected value, and no other', async () => {
        const value = async (): Promise<string | undefined> => (await store.readFleet(request)).controls.get('first');
        expect(await store.replaceControl('first', 'x', 'y')).toBe(false);
        expect(await value()).toBeUndefined();
        expect(await store.replaceControl('first', undefined, 'a')).toBe(true);
        expect(await store.replaceControl('first', undefined, 'b')).toBe(false);
        expect(await value()).toBe('a');
        for (const expected of ['A', 'a ', 'b']) expect(await store.replaceControl('first', expected, 'c')).toBe(false);
        expect(await store.replaceControl('first', 'a', 'c')).toBe(true);
        expect(await value()).toBe('c');
        expect(await store.settleControl('first', 'd')).toBe('c');
      });

      it.each([undefined, 'before'])('lets one of several that replace the value %j at once do so', async (before) => {
        if (before !== undefined) await store.settleControl('first', before);
        const others = [store, await harness.open(), await harness.open(), await harness.open()];
        const replaced = await Promise.all(
          others.map((other, index) => other.replaceControl('first', before, `${index}`)),
        );
        expect(replaced.filter(Boolean)).toHaveLength(1);
        expect((await store.readFleet(request)).controls.get('first')).toBe(`${replaced.indexOf(true)}`);
      });
    });

    it('keeps the last report of each worker of a run', async () => {
      const report = { workerId: 'w-2', runId: 'run-1', mode: 'cdnTransfer', host: 'host', pid: 1 };
      await store.reportWorker({ ...report, counters: { transferred_objects: 1 } });
      await store.reportWorker({ ...report, workerId: 'w-1', counters: {} });
      await store.reportWorker({ ...report, workerId: 'w-3', runId: undefined, counters: {} });
      await store.reportWorker({ ...report, counters: { transferred_objects: 7, failedObjects: 1 } });
      const workers = await store.listWorkers('run-1');
      expect(workers).toMatchObject([{ workerId: 'w-1' }, { workerId: 'w-2', mode: 'cdnTransfer' }]);
      expect(workers[1]?.counters).toEqual({ transferred_objects: 7, failedObjects: 1 });
    });
  });
}
