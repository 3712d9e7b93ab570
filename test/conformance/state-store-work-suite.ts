import {
  type CheckFigures,
  isCheckDue,
  isRepairDue,
  type Subfolder,
  subfolderStatus,
} from '@object-transfer/core/domain/subfolder';
import type { ClaimTarget, StateStore, SubfolderLease } from '@object-transfer/core/ports/state-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateStoreHarness } from './state-store-harness.ts';

const LEASE_MS = 30_000;
const MAX_ATTEMPTS = 3;
const EQUAL: CheckFigures = {
  s3SizeBytes: 100,
  gcsSizeBytes: 100,
  s3ObjectCount: 2,
  gcsObjectCount: 2,
  missingCount: 0,
  mismatchedCount: 0,
  unprovenCount: 0,
  extraCount: 0,
};
const UNEQUAL: CheckFigures = { ...EQUAL, gcsSizeBytes: 50, gcsObjectCount: 1, missingCount: 1 };
const EXTRA: CheckFigures = { ...EQUAL, gcsSizeBytes: 150, gcsObjectCount: 3, extraCount: 1 };

/** What every state store must do about comparisons and repairs. */
export function describeSubfolderWork(name: string, createHarness: () => Promise<StateStoreHarness>): void {
  describe(`${name} as a store of comparisons and repairs`, () => {
    let harness: StateStoreHarness;
    let store: StateStore;

    beforeEach(async () => {
      harness = await createHarness();
      store = await harness.open();
    });

    afterEach(async () => {
      await harness.dispose();
    });

    function claim(target: ClaimTarget, limit = 10, owner = 'host:1:0000000a'): Promise<readonly SubfolderLease[]> {
      return store.claimSubfolders({ owner, leaseMs: LEASE_MS, limit, target });
    }

    /** Takes all that is due, and marks it as published. */
    async function publish(target: Exclude<ClaimTarget, 'objects'>): Promise<readonly string[]> {
      const leases = await claim(target, 100);
      for (const lease of leases) expect(await store.confirmWorkPublished(lease, target)).toBe(true);
      return leases.map(({ dirKey }) => dirKey).toSorted();
    }

    async function start(work: 'startSyncCheck' | 'startRsync', dirKey: string): Promise<SubfolderLease> {
      const lease = await store[work](dirKey, 'host:1:0000000a', LEASE_MS);
      if (lease === undefined) throw new Error(`${dirKey} is not free`);
      return lease;
    }

    async function check(dirKey: string, figures: CheckFigures): Promise<void> {
      expect(await store.finishSyncCheck(await start('startSyncCheck', dirKey), { figures })).toBe(true);
    }

    async function repair(dirKey: string, outcome: Parameters<StateStore['finishRsync']>[1]): Promise<void> {
      expect(await store.finishRsync(await start('startRsync', dirKey), outcome, MAX_ATTEMPTS)).toBe(true);
    }

    async function row(dirKey: string): Promise<Subfolder> {
      const found = await store.getSubfolder(dirKey);
      if (found === undefined) throw new Error(`no row ${dirKey}`);
      return found;
    }

    describe('publishing comparisons', () => {
      it('claims what was never compared, or has nothing at the destination, and each once', async () => {
        await store.addSubfolders(['compared/', 'empty/', 'new/']);
        await check('compared/', EQUAL);
        await check('empty/', { ...UNEQUAL, gcsSizeBytes: 0, gcsObjectCount: 0, missingCount: 2 });
        expect(await publish('syncCheck')).toEqual(['empty/', 'new/']);
        expect(await publish('syncCheck')).toEqual([]);
        expect(await row('new/')).toMatchObject({ syncCheckPublished: true, cdnTransferPublished: false });
      });

      it('gives each subfolder to one of several claimers', async () => {
        const keys = Array.from({ length: 40 }, (_, i) => `dir-${i}/`);
        await store.addSubfolders(keys);
        const claimers = [store, await harness.open(), await harness.open()];
        const claimed = await Promise.all(
          claimers.map(async (claimer, index) => {
            const mine: string[] = [];
            for (;;) {
              const request = { owner: `host:${index}`, leaseMs: LEASE_MS, limit: 3, target: 'syncCheck' } as const;
              const leases = await claimer.claimSubfolders(request);
              if (leases.length === 0) return mine;
              mine.push(...leases.map((lease) => lease.dirKey));
            }
          }),
        );
        expect(claimed.flat().toSorted()).toEqual(keys.toSorted());
        expect(await store.countHeldUnpublished('syncCheck')).toBe(40);
        expect(await store.countHeldUnpublished('rsync')).toBe(0);
      });

      it('marks nothing under a lease that ran out', async () => {
        await store.addSubfolders(['a/']);
        const [lease] = await claim('syncCheck');
        if (lease === undefined) throw new Error('nothing to claim');
        await harness.elapse(LEASE_MS);
        expect(await store.confirmWorkPublished(lease, 'syncCheck')).toBe(false);
        expect(await row('a/')).toMatchObject({ syncCheckPublished: false });
        expect(await publish('syncCheck')).toEqual(['a/']);
      });

      it('leaves a subfolder alone while it is being compared', async () => {
        await store.addSubfolders(['a/']);
        await start('startSyncCheck', 'a/');
        expect(await claim('syncCheck')).toEqual([]);
      });
    });

    it('finds due what the domain calls due', async () => {
      const outcomes = [
        { figures: EQUAL },
        { figures: UNEQUAL },
        { figures: EXTRA },
        { figures: { ...UNEQUAL, gcsSizeBytes: 0, gcsObjectCount: 0, missingCount: 2 } },
        { figures: { ...EQUAL, s3SizeBytes: 0, gcsSizeBytes: 0 } },
        { figures: { ...EXTRA, unprovenCount: 1 } },
        { error: '503' },
      ];
      await store.addSubfolders([...outcomes.map((_, i) => `checked-${i}/`), 'new/']);
      for (const [i, outcome] of outcomes.entries()) {
        await store.finishSyncCheck(await start('startSyncCheck', `checked-${i}/`), outcome);
      }
      const rows = await store.listSubfolders(undefined, 100);
      const due = (isDue: (found: Subfolder) => boolean) => rows.filter(isDue).map(({ dirKey }) => dirKey);
      const toRepair = due((found) => isRepairDue(found, false));
      expect(toRepair.length).toBeGreaterThan(0);
      expect(await publish('rsync')).toEqual(toRepair);
      const withExtras = due((found) => isRepairDue(found, true));
      expect(await publish('rsyncExtras')).toEqual(withExtras.filter((dirKey) => !toRepair.includes(dirKey)));
      expect(await publish('syncCheck')).toEqual(due(isCheckDue));
    });

    describe('publishing repairs', () => {
      it.each<[string, Partial<CheckFigures>]>([
        ['a missing object', { missingCount: 1, gcsObjectCount: 1, gcsSizeBytes: 50 }],
        ['a missing empty object', { missingCount: 1, gcsObjectCount: 1 }],
        ['everything missing', { missingCount: 2, gcsObjectCount: 0, gcsSizeBytes: 0 }],
        ['a different object', { mismatchedCount: 1 }],
        ['an unproven object', { unprovenCount: 1 }],
        ['other counts', { gcsObjectCount: 3 }],
        ['other sizes, as the reference tool finds them', { s3ObjectCount: 0, gcsObjectCount: 0, gcsSizeBytes: 99 }],
        ['fewer bytes in spite of an extra object', { gcsObjectCount: 3, extraCount: 1, gcsSizeBytes: 99 }],
      ])('claims what was compared and has %s', async (_what, found) => {
        await store.addSubfolders(['a/', 'equal/', 'new/']);
        await check('a/', { ...EQUAL, ...found });
        await check('equal/', EQUAL);
        expect(subfolderStatus(await row('a/'))).toBe('mismatched');
        expect(await publish('rsync')).toEqual(['a/']);
        expect(await publish('rsync')).toEqual([]);
        expect(await publish('rsyncExtras')).toEqual([]);
      });

      it('claims what the destination alone has only where that is asked for', async () => {
        await store.addSubfolders(['a/']);
        await check('a/', EXTRA);
        expect(await publish('rsync')).toEqual([]);
        expect(await publish('rsyncExtras')).toEqual(['a/']);
        expect(await publish('rsyncExtras')).toEqual([]);
      });
    });

    describe('repairing', () => {
      it('stores the figures and counts the repair', async () => {
        await store.addSubfolders(['a/']);
        await check('a/', UNEQUAL);
        const lease = await start('startRsync', 'a/');
        expect(await row('a/')).toMatchObject({ rsyncInProgress: true, syncCheckInProgress: false });
        expect(await store.finishRsync(lease, { figures: EQUAL }, MAX_ATTEMPTS)).toBe(true);
        const repaired = await row('a/');
        expect(repaired).toMatchObject({ ...EQUAL, rsyncInProgress: false, rsyncFrequency: 1, syncCheckFrequency: 1 });
        expect(subfolderStatus(repaired)).toBe('verified');
        expect(await store.countSubfolders()).toMatchObject({ verified: 1, repaired: 1, checked: 1 });
      });

      it('publishes what did not become equal again, as often as it may', async () => {
        await store.addSubfolders(['a/']);
        await check('a/', UNEQUAL);
        for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
          expect(await publish('rsync')).toEqual(['a/']);
          await repair('a/', attempt === 2 ? { error: 'listing failed: 503' } : { figures: UNEQUAL });
          expect(await row('a/')).toMatchObject({ rsyncAttempts: attempt, rsyncFrequency: attempt });
        }
        expect(await publish('rsync')).toEqual([]);
        expect(subfolderStatus(await row('a/'))).toBe('failed');
        expect(await store.countSubfolders()).toMatchObject({ mismatched: 0, failed: 1 });
      });

      it('keeps the figures where a repair failed, with its reason until one succeeds', async () => {
        await store.addSubfolders(['a/']);
        await check('a/', UNEQUAL);
        await repair('a/', { error: 'listing failed: 503' });
        expect(await row('a/')).toMatchObject({
          ...UNEQUAL,
          rsyncError: 'listing failed: 503',
          syncCheckError: undefined,
        });
        await repair('a/', { figures: UNEQUAL });
        expect(await row('a/')).toMatchObject({ rsyncError: undefined, rsyncAttempts: 2 });
      });

      it('counts anew once the subfolder was equal, as a comparison or a repair finds', async () => {
        await store.addSubfolders(['a/', 'b/']);
        for (const dirKey of ['a/', 'b/']) {
          await check(dirKey, UNEQUAL);
          await repair(dirKey, { figures: UNEQUAL });
          await repair(dirKey, { figures: UNEQUAL });
        }
        await check('a/', EQUAL);
        await repair('b/', { figures: EQUAL });
        for (const dirKey of ['a/', 'b/']) {
          expect(await row(dirKey)).toMatchObject({ rsyncAttempts: 0, rsyncPublished: false });
          await check(dirKey, UNEQUAL);
        }
        expect(await publish('rsync')).toEqual(['a/', 'b/']);
      });

      it('ends where what only the destination has cannot be deleted, and begins anew with other damage', async () => {
        await store.addSubfolders(['a/']);
        await check('a/', { ...EXTRA, missingCount: 1, s3ObjectCount: 3, s3SizeBytes: 150 });
        expect(await publish('rsync')).toEqual(['a/']);
        await repair('a/', { figures: EXTRA });
        for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
          expect(await publish('rsyncExtras')).toEqual(['a/']);
          await repair('a/', { figures: EXTRA });
          expect(await row('a/')).toMatchObject({ rsyncAttempts: attempt });
        }
        expect(await publish('rsyncExtras')).toEqual([]);
        expect(subfolderStatus(await row('a/'))).toBe('verified');
        await check('a/', { ...EXTRA, mismatchedCount: 1 });
        expect(subfolderStatus(await row('a/'))).toBe('mismatched');
        expect(await publish('rsync')).toEqual(['a/']);
        await check('a/', { ...EXTRA, mismatchedCount: 1 });
        expect(await publish('rsync')).toEqual([]);
      });

      it('ends what a comparison failed of', async () => {
        await store.addSubfolders(['a/']);
        expect(await store.finishSyncCheck(await start('startSyncCheck', 'a/'), { error: '503' })).toBe(true);
        await repair('a/', { figures: EQUAL });
        expect(subfolderStatus(await row('a/'))).toBe('verified');
      });

      it.each(['startSyncCheck', 'startRsync'] as const)(
        'is never done at the same time as another: %s',
        async (other) => {
          await store.addSubfolders(['a/', 'b/']);
          await start('startRsync', 'a/');
          expect(await store[other]('a/', 'host:2', LEASE_MS)).toBeUndefined();
          await start('startSyncCheck', 'b/');
          expect(await store[other]('b/', 'host:2', LEASE_MS)).toBeUndefined();
          expect(await store[other]('missing/', 'host:2', LEASE_MS)).toBeUndefined();
        },
      );

      it('takes over a repair whose lease has run out, and ignores the result of the first', async () => {
        await store.addSubfolders(['a/']);
        await check('a/', UNEQUAL);
        const lost = await start('startRsync', 'a/');
        await harness.elapse(LEASE_MS);
        expect(await store.finishRsync(lost, { figures: EQUAL }, MAX_ATTEMPTS)).toBe(false);
        const held = await start('startRsync', 'a/');
        expect(await store.finishRsync(lost, { figures: EQUAL }, MAX_ATTEMPTS)).toBe(false);
        expect(await store.releaseRsync(lost)).toBe(false);
        expect(await store.finishRsync(held, { figures: UNEQUAL }, MAX_ATTEMPTS)).toBe(true);
        expect(await row('a/')).toMatchObject({ rsyncFrequency: 1, rsyncAttempts: 1 });
      });

      it('leaves the row as it was where it is broken off', async () => {
        await store.addSubfolders(['a/']);
        await check('a/', UNEQUAL);
        const before = await row('a/');
        const lease = await start('startRsync', 'a/');
        expect(await store.releaseRsync(lease)).toBe(true);
        // But for when it was last begun.
        expect({ ...(await row('a/')), rsyncLastStart: undefined }).toEqual(before);
        expect(await store.finishRsync(lease, { figures: EQUAL }, MAX_ATTEMPTS)).toBe(false);
      });

      it('takes no result of one kind of work for the other', async () => {
        await store.addSubfolders(['a/', 'b/']);
        expect(await store.finishSyncCheck(await start('startRsync', 'a/'), { figures: EQUAL })).toBe(false);
        const checking = await start('startSyncCheck', 'b/');
        expect(await store.finishRsync(checking, { figures: EQUAL }, MAX_ATTEMPTS)).toBe(false);
      });

      it('never lets the number of repairs overflow', async () => {
        await store.addSubfolders(['a/']);
        for (let n = 0; n < 257; n++) await repair('a/', { figures: EQUAL });
        expect((await row('a/')).rsyncFrequency).toBe(255);
      });
    });

    describe('resetting', () => {
      it('makes rows due again, and those alone', async () => {
        await store.addSubfolders(['a/', 'b/', 'c/']);
        const [first] = await claim('objects', 1);
        if (first === undefined) throw new Error('nothing to claim');
        await store.confirmPublished(first, { objects: 1, bytes: 1 });
        expect(await publish('syncCheck')).toEqual(['a/', 'b/', 'c/']);
        expect(await store.resetSubfolders('syncCheck', ['a/', 'c/', 'missing/'])).toBe(2);
        expect(await publish('syncCheck')).toEqual(['a/', 'c/']);
        expect(await store.resetSubfolders('objects', [first.dirKey])).toBe(1);
        expect((await claim('objects')).map(({ dirKey }) => dirKey).toSorted()).toEqual(['a/', 'b/', 'c/']);
      });

      it('lets what was compared rest, but for what could not be', async () => {
        await store.addSubfolders(['equal/', 'failed/']);
        await publish('syncCheck');
        await check('equal/', EQUAL);
        await store.finishSyncCheck(await start('startSyncCheck', 'failed/'), { error: '503' });
        await store.resetSubfolders('syncCheck', ['equal/', 'failed/']);
        expect(await publish('syncCheck')).toEqual(['failed/']);
      });

      it('gives a subfolder that was given up its repairs back', async () => {
        await store.addSubfolders(['a/']);
        await check('a/', UNEQUAL);
        await publish('rsync');
        for (let n = 0; n < MAX_ATTEMPTS; n++) await repair('a/', { figures: UNEQUAL });
        expect(await publish('rsync')).toEqual([]);
        await store.resetSubfolders('rsync', ['a/']);
        expect(subfolderStatus(await row('a/'))).toBe('mismatched');
        expect(await publish('rsync')).toEqual(['a/']);
      });

      it.each(['syncCheck', 'rsync'] as const)('takes the row from whoever holds it: %s', async (work) => {
        await store.addSubfolders(['a/']);
        const lease = await start(work === 'rsync' ? 'startRsync' : 'startSyncCheck', 'a/');
        await store.resetSubfolders(work, ['a/']);
        const finish = () =>
          work === 'rsync'
            ? store.finishRsync(lease, { figures: EQUAL }, MAX_ATTEMPTS)
            : store.finishSyncCheck(lease, { figures: EQUAL });
        expect(await finish()).toBe(false);
        await start('startRsync', 'a/');
      });
    });

    it.each([
      ['syncCheck', 'startRsync', 'rsyncInProgress'],
      ['objects', 'startRsync', 'rsyncInProgress'],
      ['rsync', 'startSyncCheck', 'syncCheckInProgress'],
      ['objects', 'startSyncCheck', 'syncCheckInProgress'],
    ] as const)('a reset of %s leaves other work to whoever does it: %s', async (reset, begin, mark) => {
      await store.addSubfolders(['a/']);
      const lease = await start(begin, 'a/');
      await store.resetSubfolders(reset, ['a/']);
      expect(await row('a/')).toMatchObject({ [mark]: true });
      const outcome = { figures: EQUAL };
      const isStored =
        begin === 'startRsync'
          ? store.finishRsync(lease, outcome, MAX_ATTEMPTS)
          : store.finishSyncCheck(lease, outcome);
      expect(await isStored).toBe(true);
      expect(await row('a/')).toMatchObject({ [mark]: false });
    });

    it('abandons what somebody does, at once', async () => {
      await store.addSubfolders(['a/', 'b/', 'free/']);
      const repairing = await start('startRsync', 'a/');
      await start('startSyncCheck', 'b/');
      expect(await store.countSubfolders()).toMatchObject({ beingRepaired: 1, beingChecked: 1 });
      expect(await store.abandonSubfolder('a/')).toBe(true);
      expect(await store.abandonSubfolder('b/')).toBe(true);
      expect(await store.abandonSubfolder('free/')).toBe(false);
      expect(await store.abandonSubfolder('missing/')).toBe(false);
      expect(await store.finishRsync(repairing, { figures: EQUAL }, MAX_ATTEMPTS)).toBe(false);
      await start('startSyncCheck', 'a/');
    });
  });
}
