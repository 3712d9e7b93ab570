import type { StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateStoreHarness } from './state-store-harness.ts';

const RUN = { job: 'run', host: 'host', pid: 1, staleAfterMs: 60_000, isAlive: (): boolean => true };

function missing(key: string) {
  return { dirKey: 'a/', key, code: 'CHECK_MISSING', message: 'it is not at the destination', attempts: 0 };
}

function failed(key: string) {
  return { dirKey: 'a/', key, code: 'SOURCE_FORBIDDEN', message: '403', attempts: 1 };
}

function lostIn(op: string) {
  return { code: 'STATE_LEASE_LOST', op, source: 'a/' };
}

/** What every state store must do with the differences that comparisons find, and with the history of runs. */
export function describeDifferencesAndRuns(name: string, createHarness: () => Promise<StateStoreHarness>): void {
  describe(`${name} as a store of differences and of past runs`, () => {
    let harness: StateStoreHarness;
    let store: StateStore;

    beforeEach(async () => {
      harness = await createHarness();
      store = await harness.open();
    });

    afterEach(async () => {
      await harness.dispose();
    });

    /** The lease of a comparison that begins now. */
    async function compare(dirKey: string): Promise<SubfolderLease> {
      await store.addSubfolders([dirKey]);
      const lease = await store.startSyncCheck(dirKey, 'host:1:00000000', 60_000);
      if (lease === undefined) throw new Error(`somebody else compares ${dirKey}`);
      return lease;
    }

    async function openErrors(dirKey?: string): Promise<readonly string[]> {
      const errors = await store.listOpenObjectErrors({ dirKey, limit: 10_000 });
      return errors.map(({ key, code }) => `${key} ${code}`);
    }

    it('opens an error for each difference, many at a time', async () => {
      const comparison = await compare('a/');
      const keys = Array.from({ length: 1203 }, (_, i) => `a/${String(i).padStart(5, '0')}`);
      await store.recordDifferences(comparison, keys.map(missing));
      expect(await openErrors('a/')).toEqual(keys.map((key) => `${key} CHECK_MISSING`));
      await store.recordDifferences(comparison, keys.map(missing));
      expect(await openErrors('a/')).toHaveLength(1203);
    });

    it('takes no differences from a comparison whose lease ran out, and closes no errors for it', async () => {
      const lost = await compare('a/');
      await store.recordDifferences(lost, [missing('a/1')]);
      await harness.elapse(60_001);
      const held = await compare('a/');
      await expect(store.recordDifferences(lost, [missing('a/2')])).rejects.toMatchObject(lostIn('recordDifferences'));
      await expect(store.resolveUnseenErrors(lost, await store.now())).rejects.toMatchObject(
        lostIn('resolveUnseenErrors'),
      );
      expect(await openErrors()).toEqual(['a/1 CHECK_MISSING']);
      await store.recordDifferences(held, [missing('a/3')]);
      expect(await openErrors()).toEqual(['a/1 CHECK_MISSING', 'a/3 CHECK_MISSING']);
      expect(await store.resolveUnseenErrors(held, new Date((await store.now()).getTime() + 1))).toBe(2);
    });

    it('takes no errors of objects from a repair whose lease ran out', async () => {
      await store.addSubfolders(['a/']);
      const lost = await store.startRsync('a/', 'first', 60_000);
      if (lost === undefined) throw new Error('nobody is at work on it');
      await store.recordObjectErrors([failed('a/1')], lost);
      await harness.elapse(60_001);
      const refusal = lostIn('recordObjectErrors');
      await expect(store.recordObjectErrors([failed('a/2')], lost)).rejects.toMatchObject(refusal);
      const held = await store.startRsync('a/', 'second', 60_000);
      expect(held).toBeDefined();
      await store.resolveObjectErrors('a/', ['a/1']);
      await expect(store.recordObjectErrors([failed('a/1')], lost)).rejects.toMatchObject(refusal);
      expect(await openErrors()).toEqual([]);
      await store.recordObjectErrors([failed('a/3')], held);
      // Who settles a message holds no subfolder.
      await store.recordObjectErrors([failed('a/4')]);
      expect(await openErrors()).toEqual(['a/3 SOURCE_FORBIDDEN', 'a/4 SOURCE_FORBIDDEN']);
    });

    it('keeps why a transfer failed, and notes that the object is still not there', async () => {
      const comparison = await compare('a/');
      await store.recordObjectErrors([
        { dirKey: 'a/', key: 'a/1', code: 'SOURCE_FORBIDDEN', message: '403', attempts: 3 },
      ]);
      await harness.elapse(5000);
      await store.recordDifferences(comparison, [missing('a/1')]);
      const [open] = await store.listOpenObjectErrors({ limit: 10 });
      expect(open).toMatchObject({ code: 'SOURCE_FORBIDDEN', message: '403', attempts: 3 });
      expect((open?.lastSeen.getTime() ?? 0) - (open?.firstSeen.getTime() ?? 0)).toBeGreaterThanOrEqual(5000);
    });

    it('says of an object what is wrong with it now, and not what was', async () => {
      const comparison = await compare('a/');
      await store.recordDifferences(comparison, ['a/1', 'a/2'].map(missing));
      await harness.elapse(5000);
      const different = { ...missing('a/1'), code: 'CHECK_DIFFERENT', message: 'other content' };
      await store.recordDifferences(comparison, [different, missing('a/2')]);
      const [first, second] = await store.listOpenObjectErrors({ limit: 10 });
      expect(first).toMatchObject({ code: 'CHECK_DIFFERENT', message: 'other content' });
      expect(first?.firstSeen.getTime()).toBe(first?.lastSeen.getTime());
      expect(second?.code).toBe('CHECK_MISSING');
      expect(second?.firstSeen.getTime()).toBeLessThan(second?.lastSeen.getTime() ?? 0);
    });

    it('opens an error that was resolved afresh', async () => {
      const comparison = await compare('a/');
      await store.recordDifferences(comparison, [missing('a/1')]);
      await store.resolveObjectErrors('a/', ['a/1']);
      await harness.elapse(5000);
      await store.recordDifferences(comparison, [{ ...missing('a/1'), code: 'CHECK_DIFFERENT' }]);
      const [open] = await store.listOpenObjectErrors({ limit: 10 });
      expect(open?.code).toBe('CHECK_DIFFERENT');
      expect(open?.firstSeen.getTime()).toBe(open?.lastSeen.getTime());
    });

    it('closes what a comparison has not met any more, in its own subfolder', async () => {
      const comparison = await compare('a/');
      await store.recordDifferences(comparison, ['a/1', 'a/2', 'a/3'].map(missing));
      await store.recordDifferences(await compare('b/'), [{ ...missing('b/1'), dirKey: 'b/' }]);
      await harness.elapse(5000);
      const began = harness.now();
      await harness.elapse(1000);
      await store.recordDifferences(comparison, [missing('a/2')]);
      expect(await store.resolveUnseenErrors(comparison, began)).toBe(2);
      expect(await openErrors()).toEqual(['a/2 CHECK_MISSING', 'b/1 CHECK_MISSING']);
    });

    it('closes what was not met among thousands that were', async () => {
      const comparison = await compare('a/');
      const keys = Array.from({ length: 1203 }, (_, i) => `a/${String(i).padStart(5, '0')}`);
      await store.recordDifferences(comparison, keys.map(missing));
      await harness.elapse(5000);
      const began = harness.now();
      await harness.elapse(1000);
      const met = keys.filter((_, i) => i % 100 === 0 || (i > 300 && i < 900));
      await store.recordDifferences(comparison, met.map(missing));
      expect(await store.resolveUnseenErrors(comparison, began)).toBe(keys.length - met.length);
      expect(await openErrors()).toEqual(met.map((key) => `${key} CHECK_MISSING`));
    });

    it('counts open errors by code, of all subfolders or one, and lists those of a code in pages', async () => {
      const comparison = await compare('a/');
      await store.recordDifferences(comparison, ['a/1', 'a/2', 'a/3'].map(missing));
      await store.recordObjectErrors([
        { dirKey: 'a/', key: 'a/4', code: 'SOURCE_FORBIDDEN', message: '403', attempts: 1 },
        { dirKey: 'b/', key: 'b/1', code: 'SOURCE_FORBIDDEN', message: '403', attempts: 1 },
      ]);
      await store.resolveObjectErrors('a/', ['a/3']);
      expect(await store.countOpenObjectErrors()).toEqual([
        { code: 'CHECK_MISSING', count: 2 },
        { code: 'SOURCE_FORBIDDEN', count: 2 },
      ]);
      expect(await store.countOpenObjectErrors('b/')).toEqual([{ code: 'SOURCE_FORBIDDEN', count: 1 }]);
      const page = await store.listOpenObjectErrors({ code: 'SOURCE_FORBIDDEN', afterKey: 'a/4', limit: 10 });
      expect(page.map(({ key }) => key)).toEqual(['b/1']);
    });

    it('keeps what runs counted, who began them and how they ended, the latest first', async () => {
      await store.beginRun({ ...RUN, runId: 'first', userName: 'ann' });
      await store.heartbeatRun('first', { objects: 3 });
      expect(await store.listRuns({ limit: 10 })).toMatchObject([
        { runId: 'first', userName: 'ann', status: 'RUNNING', counters: { objects: 3 } },
      ]);
      await store.heartbeatRun('first');
      await store.endRun('first', 'SUCCEEDED', 'all equal', { objects: 7 });
      await harness.elapse(1000);
      await store.beginRun({ ...RUN, runId: 'second', job: 'dump' });
      expect(await store.listRuns({ limit: 10 })).toMatchObject([
        { runId: 'second', job: 'dump', userName: undefined, counters: {}, endedAt: undefined },
        { runId: 'first', exitMessage: 'all equal', counters: { objects: 7 }, endedAt: expect.any(Date) as Date },
      ]);
      expect((await store.listRuns({ limit: 1 })).map(({ runId }) => runId)).toEqual(['second']);
      expect((await store.listRuns({ running: true, limit: 10 })).map(({ runId }) => runId)).toEqual(['second']);
    });

    it('ends a run from outside, which its process finds out', async () => {
      await store.beginRun({ ...RUN, runId: 'first' });
      expect(await store.abandonRun('first', 'abandoned by ann')).toBe(true);
      expect(await store.abandonRun('first', 'again')).toBe(false);
      expect(await store.abandonRun('missing', 'again')).toBe(false);
      await expect(store.heartbeatRun('first')).rejects.toMatchObject({ code: 'STATE_LEASE_LOST' });
      expect(await store.listRuns({ limit: 1 })).toMatchObject([
        { status: 'ABANDONED', exitMessage: 'abandoned by ann' },
      ]);
      await store.beginRun({ ...RUN, runId: 'second' });
    });
  });
}
