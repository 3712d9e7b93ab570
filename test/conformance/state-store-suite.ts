import { type Subfolder, subfolderStatus } from '@object-transfer/core/domain/subfolder';
import type { StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateStoreHarness } from './state-store-harness.ts';
import { describeAddedSubfolders } from './state-store-subfolders-suite.ts';
import { describeDifferencesAndRuns } from './state-store-differences-suite.ts';
import { describeStateRecords } from './state-store-records-suite.ts';
import { describeSubfolderWork } from './state-store-work-suite.ts';

const LEASE_MS = 30_000;
const FIGURES = {
  s3SizeBytes: 100,
  gcsSizeBytes: 100,
  s3ObjectCount: 2,
  gcsObjectCount: 2,
  missingCount: 0,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
};

/** What every state store must do. */
export function describeStateStore(name: string, createHarness: () => Promise<StateStoreHarness>): void {
  describeStateRecords(name, createHarness);
  describeAddedSubfolders(name, createHarness);
  describeSubfolderWork(name, createHarness);
  describeDifferencesAndRuns(name, createHarness);

  describe(`${name} as a state store`, () => {
    let harness: StateStoreHarness;
    let store: StateStore;

    beforeEach(async () => {
      harness = await createHarness();
      store = await harness.open();
    });

    afterEach(async () => {
      await harness.dispose();
    });

    async function claimOne(owner = 'host:1:0000000a'): Promise<SubfolderLease> {
      const [lease] = await store.claimSubfolders({ owner, leaseMs: LEASE_MS, limit: 1 });
      if (lease === undefined) throw new Error('nothing to claim');
      return lease;
    }

    async function startCheck(dirKey: string): Promise<SubfolderLease> {
      const lease = await store.startSyncCheck(dirKey, 'host:1:0000000a', LEASE_MS);
      if (lease === undefined) throw new Error(`${dirKey} cannot be checked`);
      return lease;
    }

    async function row(dirKey: string): Promise<Subfolder> {
      const found = await store.getSubfolder(dirKey);
      if (found === undefined) throw new Error(`no row ${dirKey}`);
      return found;
    }

    describe('a clock that is set back by hours', () => {
      const SETBACK_MS = -5 * 3_600_000;

      it('keeps nobody from claiming what was held by the old one', async () => {
        await store.addSubfolders(['a/', 'b/']);
        const old = await claimOne('host:2:0000000b');
        await harness.elapse(SETBACK_MS);
        const leases = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: LEASE_MS, limit: 5 });
        // Those that never were held come first.
        const more = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: LEASE_MS, limit: 5 });
        expect([...leases, ...more].map(({ dirKey }) => dirKey)).toEqual(
          ['a/', 'b/'].toSorted((x) => (x === old.dirKey ? 1 : -1)),
        );
        expect(await store.releaseSubfolder(old)).toBe(false);
      });

      it('leaves the lease of a holder who extends it by the new one', async () => {
        await store.addSubfolders(['a/']);
        const old = await claimOne('host:2:0000000b');
        await harness.elapse(SETBACK_MS);
        expect(await store.extendSubfolderLease(old, LEASE_MS)).toMatchObject({ dirKey: 'a/' });
        expect(await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: LEASE_MS, limit: 5 })).toEqual([]);
        expect(await store.startSyncCheck('a/', 'host:1:0000000a', LEASE_MS)).toBe(undefined);
      });

      it('keeps nobody from working on what was held by the old one', async () => {
        await store.addSubfolders(['a/']);
        await startCheck('a/');
        await harness.elapse(SETBACK_MS);
        expect(await store.startSyncCheck('a/', 'host:2:0000000b', LEASE_MS)).toMatchObject({ dirKey: 'a/' });
      });

      it('does not make a run of the dead look alive', async () => {
        const run = { job: 'run', host: 'elsewhere', pid: 7, staleAfterMs: 30_000, isAlive: () => true };
        await store.beginRun({ ...run, runId: '0000000a-dead' });
        await harness.elapse(SETBACK_MS);
        await store.beginRun({ ...run, runId: '0000000b-next' });
        expect(await store.listRuns({ running: true, limit: 5 })).toMatchObject([{ runId: '0000000b-next' }]);
      });
    });

    describe('claiming', () => {
      it('gives each subfolder to one of several claimers', async () => {
        const keys = Array.from({ length: 60 }, (_, i) => `dir-${i}/`);
        await store.addSubfolders(keys);
        const claimers = [store, await harness.open(), await harness.open(), await harness.open()];
        const claimed = await Promise.all(
          claimers.map(async (claimer, index) => {
            const mine: string[] = [];
            for (;;) {
              const leases = await claimer.claimSubfolders({ owner: `host:${index}`, leaseMs: LEASE_MS, limit: 3 });
              if (leases.length === 0) return mine;
              mine.push(...leases.map((lease) => lease.dirKey));
            }
          }),
        );
        expect(claimed.flat().toSorted()).toEqual(keys.toSorted());
      });

      it('names the owner, a part unique to the claim, and the end of the lease', async () => {
        await store.addSubfolders(['a/', 'b/']);
        const first = await claimOne('host:7:0123abcd');
        const second = await claimOne('host:7:0123abcd');
        expect(first.leaseOwner).toMatch(/^host:7:0123abcd#/);
        expect(second.leaseOwner).not.toBe(first.leaseOwner);
        expect(Math.abs(first.expiresAt.getTime() - harness.now().getTime() - LEASE_MS)).toBeLessThan(1000);
      });

      it('takes a subfolder over when its lease has run out, and not before', async () => {
        await store.addSubfolders(['a/']);
        await claimOne('host:1');
        await harness.elapse(LEASE_MS - 1000);
        expect(await store.claimSubfolders({ owner: 'host:2', leaseMs: LEASE_MS, limit: 1 })).toEqual([]);
        await harness.elapse(1000);
        expect((await claimOne('host:2')).dirKey).toBe('a/');
      });

      it('keeps a subfolder whose lease is extended', async () => {
        await store.addSubfolders(['a/']);
        const lease = await claimOne();
        await harness.elapse(LEASE_MS - 1000);
        const extended = await store.extendSubfolderLease(lease, LEASE_MS);
        expect(extended).toMatchObject({ dirKey: 'a/', leaseOwner: lease.leaseOwner });
        await harness.elapse(LEASE_MS - 1000);
        expect(await store.claimSubfolders({ owner: 'host:2', leaseMs: LEASE_MS, limit: 1 })).toEqual([]);
      });

      it('gives a released subfolder to the next claimer', async () => {
        await store.addSubfolders(['a/']);
        expect(await store.releaseSubfolder(await claimOne())).toBe(true);
        expect((await claimOne()).dirKey).toBe('a/');
      });

      it('claims a published subfolder no more', async () => {
        await store.addSubfolders(['a/']);
        expect(await store.confirmPublished(await claimOne(), { objects: 3, bytes: 5_000_000_000_000 })).toBe(true);
        expect(await row('a/')).toMatchObject({
          initialTransfer: false,
          cdnTransferPublished: true,
          objectsPublished: 3,
          bytesPublished: 5_000_000_000_000,
        });
        await harness.elapse(LEASE_MS * 2);
        expect(await store.claimSubfolders({ owner: 'host:2', leaseMs: LEASE_MS, limit: 1 })).toEqual([]);
      });

      it('counts what is unpublished and held', async () => {
        expect(await store.countHeldUnpublished()).toBe(0);
        await store.addSubfolders(['a/', 'b/', 'c/']);
        expect(await store.countHeldUnpublished()).toBe(0);
        const published = await claimOne();
        const released = await claimOne();
        await harness.elapse(1000);
        await claimOne();
        expect(await store.countHeldUnpublished()).toBe(3);
        await store.confirmPublished(published, { objects: 1, bytes: 1 });
        await store.releaseSubfolder(released);
        await startCheck(published.dirKey);
        expect(await store.countHeldUnpublished()).toBe(1);
        await harness.elapse(LEASE_MS);
        expect(await store.countHeldUnpublished()).toBe(0);
      });

      it.each(['confirmed', 'released'])(
        'ends the mark of a check that died under the lease before: the row can be checked once it is %s',
        async (ending) => {
          await store.addSubfolders(['a/']);
          await startCheck('a/');
          await harness.elapse(LEASE_MS);
          const lease = await claimOne();
          expect((await row('a/')).syncCheckInProgress).toBe(false);
          if (ending === 'confirmed') await store.confirmPublished(lease, { objects: 1, bytes: 1 });
          else await store.releaseSubfolder(lease);
          expect(await store.finishSyncCheck(await startCheck('a/'), { figures: FIGURES })).toBe(true);
        },
      );

      it('lets a holder whose lease ran out change nothing', async () => {
        await store.addSubfolders(['a/']);
        const lease = await claimOne();
        await harness.elapse(LEASE_MS);
        expect(await store.extendSubfolderLease(lease, LEASE_MS)).toBeUndefined();
        expect(await store.confirmPublished(lease, { objects: 1, bytes: 1 })).toBe(false);
        expect(await store.releaseSubfolder(lease)).toBe(false);
        expect(await row('a/')).toMatchObject({ cdnTransferPublished: false });
      });

      it('lets the holder before the last change nothing, even where the same process claimed again', async () => {
        await store.addSubfolders(['a/']);
        const lost = await claimOne();
        await harness.elapse(LEASE_MS);
        const held = await claimOne();
        expect(await store.extendSubfolderLease(lost, LEASE_MS)).toBeUndefined();
        expect(await store.confirmPublished(lost, { objects: 1, bytes: 1 })).toBe(false);
        expect(await store.releaseSubfolder(lost)).toBe(false);
        expect(await store.confirmPublished(held, { objects: 1, bytes: 1 })).toBe(true);
      });

      it('confirms once', async () => {
        await store.addSubfolders(['a/']);
        const lease = await claimOne();
        expect(await store.confirmPublished(lease, { objects: 1, bytes: 1 })).toBe(true);
        expect(await store.confirmPublished(lease, { objects: 9, bytes: 9 })).toBe(false);
        expect(await row('a/')).toMatchObject({ objectsPublished: 1 });
      });
    });

    describe('checking', () => {
      it('stores the figures and counts the check', async () => {
        await store.addSubfolders(['a/']);
        const lease = await startCheck('a/');
        expect(await row('a/')).toMatchObject({ syncCheckInProgress: true, syncCheckFrequency: 0 });
        const figures = { ...FIGURES, gcsSizeBytes: 60, gcsObjectCount: 3, missingCount: 1, extraCount: 2 };
        expect(await store.finishSyncCheck(lease, { figures })).toBe(true);
        expect(await row('a/')).toMatchObject({ ...figures, syncCheckInProgress: false, syncCheckFrequency: 1 });
      });

      it('stores why a check could not be made, keeps the figures of the one before, and forgets it after the next', async () => {
        await store.addSubfolders(['a/']);
        await store.finishSyncCheck(await startCheck('a/'), { figures: FIGURES });
        await store.finishSyncCheck(await startCheck('a/'), { error: 'listing failed: 503' });
        expect(await row('a/')).toMatchObject({
          ...FIGURES,
          syncCheckFrequency: 2,
          syncCheckError: 'listing failed: 503',
        });
        await store.finishSyncCheck(await startCheck('a/'), { figures: FIGURES });
        expect((await row('a/')).syncCheckError).toBeUndefined();
      });

      it('begins no check of a subfolder that is being checked or published, or that is not there', async () => {
        await store.addSubfolders(['a/', 'b/']);
        expect(await store.startSyncCheck('missing/', 'host:2', LEASE_MS)).toBeUndefined();
        await startCheck('a/');
        expect(await store.startSyncCheck('a/', 'host:2', LEASE_MS)).toBeUndefined();
        const publishing = await claimOne();
        expect(publishing.dirKey).toBe('b/');
        expect(await store.startSyncCheck('b/', 'host:2', LEASE_MS)).toBeUndefined();
      });

      it('lets one of several checkers in', async () => {
        await store.addSubfolders(['a/']);
        const checkers = [store, await harness.open(), await harness.open()];
        const leases = await Promise.all(checkers.map((c, i) => c.startSyncCheck('a/', `host:${i}`, LEASE_MS)));
        expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
      });

      it('takes over a check whose lease has run out, and ignores the result of the first', async () => {
        await store.addSubfolders(['a/']);
        const lost = await startCheck('a/');
        await harness.elapse(LEASE_MS);
        expect(await store.finishSyncCheck(lost, { figures: { ...FIGURES, missingCount: 9 } })).toBe(false);
        const held = await startCheck('a/');
        expect(await store.finishSyncCheck(lost, { error: 'late' })).toBe(false);
        expect(await store.finishSyncCheck(held, { figures: FIGURES })).toBe(true);
        expect(await row('a/')).toMatchObject({ missingCount: 0, syncCheckFrequency: 1, syncCheckError: undefined });
      });

      it('leaves the row as it was where a check is broken off', async () => {
        await store.addSubfolders(['a/']);
        await store.finishSyncCheck(await startCheck('a/'), { figures: { ...FIGURES, missingCount: 1 } });
        await store.finishSyncCheck(await startCheck('a/'), { error: 'listing failed' });
        const before = await row('a/');
        const lease = await startCheck('a/');
        expect(await store.releaseSyncCheck(lease)).toBe(true);
        // But for when it was last begun.
        const { syncCheckLastStart } = await row('a/');
        expect(await row('a/')).toEqual({ ...before, syncCheckLastStart });
        expect(await store.releaseSyncCheck(lease)).toBe(false);
        expect(await store.finishSyncCheck(lease, { figures: FIGURES })).toBe(false);
        expect(await store.finishSyncCheck(await startCheck('a/'), { figures: FIGURES })).toBe(true);
      });

      it('breaks off no check but the own one', async () => {
        await store.addSubfolders(['a/', 'b/']);
        const lost = await startCheck('a/');
        await harness.elapse(LEASE_MS);
        expect(await store.releaseSyncCheck(lost)).toBe(false);
        const held = await startCheck('a/');
        expect(await store.releaseSyncCheck(lost)).toBe(false);
        expect(await store.finishSyncCheck(held, { figures: FIGURES })).toBe(true);
        expect(await store.releaseSyncCheck(await claimOne())).toBe(false);
      });

      it('takes no result of a check under the lease of a publisher', async () => {
        await store.addSubfolders(['a/']);
        expect(await store.finishSyncCheck(await claimOne(), { figures: FIGURES })).toBe(false);
      });

      it('never lets the number of checks overflow', async () => {
        await store.addSubfolders(['a/']);
        for (let check = 0; check < 257; check++) {
          expect(await store.finishSyncCheck(await startCheck('a/'), { figures: FIGURES })).toBe(true);
        }
        expect((await row('a/')).syncCheckFrequency).toBe(255);
      });
    });

    it('counts rows by the status that the domain gives them', async () => {
      const results = [
        { figures: FIGURES },
        { figures: { ...FIGURES, gcsObjectCount: 5, extraCount: 3 } },
        { figures: { ...FIGURES, missingCount: 1, gcsObjectCount: 1 } },
        { figures: { ...FIGURES, mismatchedCount: 1 } },
        { figures: { ...FIGURES, gcsObjectCount: 3 } },
        { figures: { ...FIGURES, gcsSizeBytes: FIGURES.s3SizeBytes - 1 } },
        { figures: { ...FIGURES, gcsObjectCount: 3, extraCount: 1, gcsSizeBytes: FIGURES.s3SizeBytes - 1 } },
        { error: 'listing failed' },
      ];
      expect(await store.countSubfolders()).toMatchObject({ total: 0, waiting: 0, bytesPublished: 0 });
      await store.addSubfolders([...results.map((_, i) => `checked-${i}/`), 'waiting/']);
      for (let i = 0; i < results.length; i++) {
        await store.confirmPublished(await claimOne(), { objects: 2, bytes: 100 });
      }
      await store.addSubfolders(['a-published/']);
      await store.confirmPublished(await claimOne(), { objects: 2, bytes: 100 });
      for (const [i, result] of results.entries()) {
        await store.finishSyncCheck(await startCheck(`checked-${i}/`), result);
      }
      const statuses = (await store.listSubfolders(undefined, 100)).map(subfolderStatus);
      const count = (status: string): number => statuses.filter((s) => s === status).length;
      expect([count('waiting'), count('published'), count('verified'), count('mismatched')]).toEqual([1, 1, 2, 5]);
      expect(count('failed')).toBe(1);
      expect(await store.countSubfolders()).toEqual({
        total: 10,
        waiting: 1,
        published: 1,
        verified: 2,
        mismatched: 5,
        failed: 1,
        checked: 8,
        repaired: 0,
        beingChecked: 0,
        beingRepaired: 0,
        objectsPublished: 18,
        bytesPublished: 900,
      });
    });

    describe('reclaiming', () => {
      it('lets go of what dead owners hold, and of nothing else', async () => {
        await store.addSubfolders(['a/', 'b/', 'c/']);
        const dead = await claimOne('dead:1');
        const alive = await claimOne('alive:1');
        const checking = await store.startSyncCheck('c/', 'dead:2', LEASE_MS);
        if (checking === undefined) throw new Error('cannot be checked');
        expect(await store.reclaimLeases((owner) => owner.startsWith('dead:'))).toBe(2);
        expect(await store.confirmPublished(dead, { objects: 1, bytes: 1 })).toBe(false);
        expect(await store.finishSyncCheck(checking, { figures: FIGURES })).toBe(false);
        expect(await store.confirmPublished(alive, { objects: 1, bytes: 1 })).toBe(true);
        expect((await row('c/')).syncCheckInProgress).toBe(false);
        await startCheck('c/');
        expect((await claimOne()).dirKey).toBe('a/');
      });
    });
  });
}
