import type { StateStore } from '@object-transfer/core/ports/state-store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StateStoreHarness } from './state-store-harness.ts';

/** What every state store must do when subfolders are added, and how it orders them. */
export function describeAddedSubfolders(name: string, createHarness: () => Promise<StateStoreHarness>): void {
  describe(`${name} when subfolders are added`, () => {
    let harness: StateStoreHarness;
    let store: StateStore;

    beforeEach(async () => {
      harness = await createHarness();
      store = await harness.open();
    });

    afterEach(async () => {
      await harness.dispose();
    });

    it('adds each row once and says how many were new', async () => {
      expect(await store.addSubfolders(['a/', 'b/', 'a/'])).toBe(2);
      expect(await store.countNewSubfolders(['b/', 'c/', 'c/'])).toBe(1);
      expect(await store.addSubfolders(['b/', 'c/'])).toBe(1);
      expect(await store.addSubfolders([])).toBe(0);
      expect((await store.listSubfolders(undefined, 10)).map((s) => s.dirKey)).toEqual(['a/', 'b/', 'c/']);
    });

    it('gives a new row the values of one whose objects are to be published', async () => {
      await store.addSubfolders(['']);
      expect(await store.getSubfolder('')).toEqual({
        dirKey: '',
        initialTransfer: true,
        cdnTransferPublished: false,
        syncCheckPublished: false,
        syncCheckInProgress: false,
        syncCheckFrequency: 0,
        syncCheckError: undefined,
        rsyncPublished: false,
        rsyncInProgress: false,
        rsyncFrequency: 0,
        rsyncError: undefined,
        rsyncLastStart: undefined,
        rsyncLastEnd: undefined,
        syncCheckLastStart: undefined,
        syncCheckLastEnd: undefined,
        rsyncAttempts: 0,
        s3SizeBytes: 0,
        gcsSizeBytes: 0,
        s3ObjectCount: 0,
        gcsObjectCount: 0,
        missingCount: 0,
        mismatchedCount: 0,
        unprovenCount: 0,
        extraCount: 0,
        objectsPublished: 0,
        bytesPublished: 0,
      });
      expect(await store.getSubfolder('missing/')).toBeUndefined();
    });

    it('leaves known rows as they are', async () => {
      await store.addSubfolders(['a/']);
      const [lease] = await store.claimSubfolders({ owner: 'host:1:0000000a', leaseMs: 30_000, limit: 1 });
      if (lease === undefined) throw new Error('nothing to claim');
      await store.confirmPublished(lease, { objects: 3, bytes: 5 });
      await store.addSubfolders(['a/']);
      expect(await store.getSubfolder('a/')).toMatchObject({ cdnTransferPublished: true, objectsPublished: 3 });
    });

    it('keeps and orders keys byte for byte', async () => {
      const keys = [
        '',
        ' /',
        '%2F/',
        "'; DROP TABLE x; --/",
        'A/',
        'a',
        'a ',
        'a /',
        'a/',
        'a//',
        'cafe\u0301/',
        'caf\u00e9/',
        'ss/',
        '\u00df/',
        '\u3042/',
        '\uff5e/',
        '\u{1f600}/',
        '\u{1f601}/',
      ];
      expect(await store.addSubfolders(keys)).toBe(keys.length);
      const inByteOrder = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      expect((await store.listSubfolders(undefined, 100)).map((s) => s.dirKey)).toEqual(inByteOrder);
      for (const key of keys) expect((await store.getSubfolder(key))?.dirKey).toBe(key);
      expect(await store.getSubfolder('A')).toBeUndefined();
    });

    it.each([
      { existing: ['a/'], added: 'a/b/', inner: 'a/b/', outer: 'a/' },
      { existing: ['x/', 'a/b/'], added: 'a/b/c/d/', inner: 'a/b/c/d/', outer: 'a/b/' },
      { existing: ['', 'a/', 'b/c/', 'd/'], added: 'b/', inner: 'b/c/', outer: 'b/' },
      { existing: ['\u{1f600}/x/', '\uff5e/'], added: '\u{1f600}/', inner: '\u{1f600}/x/', outer: '\u{1f600}/' },
      { existing: ['//'], added: '/', inner: '//', outer: '/' },
    ])('refuses $added beside $existing', async ({ existing, added, inner, outer }) => {
      await store.addSubfolders(existing);
      const keys = ['A/', added, '\u{1f601}/'];
      const refusal = {
        code: 'CONFIG_DUMP_FILE_FORMAT',
        message: expect.stringContaining(`${JSON.stringify(inner)} lies within ${JSON.stringify(outer)}`) as string,
      };
      await expect(store.addSubfolders(keys)).rejects.toMatchObject(refusal);
      await expect(store.countNewSubfolders(keys)).rejects.toMatchObject(refusal);
      expect((await store.countSubfolders()).total).toBe(existing.length);
    });

    it('takes rows that only look as if they were within each other', async () => {
      await store.addSubfolders(['', 'a/', 'a b/c/', 'A/', 'b/c/']);
      expect(await store.addSubfolders(['', 'a/', 'a b/d/', 'a-b/', 'a0/', 'b/c/'])).toBe(3);
      expect(await store.addSubfolders(['B/', 'b/d/', 'c/', '\u00e4/'])).toBe(4);
    });

    it('holds thousands of new rows against thousands that are there', async () => {
      const keys = Array.from({ length: 2500 }, (_, i) => `dir-${i}/`);
      await store.addSubfolders(keys.map((key) => `${key}old/`));
      expect(await store.addSubfolders(keys.map((key) => `${key}new/`))).toBe(keys.length);
      await expect(store.addSubfolders([...keys.map((key) => `${key}more/`), 'dir-1999/old/x/'])).rejects.toMatchObject(
        {
          code: 'CONFIG_DUMP_FILE_FORMAT',
        },
      );
      await expect(store.addSubfolders([...keys.map((key) => `${key}more/`), 'dir-1999/'])).rejects.toMatchObject({
        code: 'CONFIG_DUMP_FILE_FORMAT',
      });
      expect((await store.countSubfolders()).total).toBe(2 * keys.length);
    });

    it('lists in pages', async () => {
      const keys = Array.from({ length: 25 }, (_, i) => `dir-${String(i).padStart(2, '0')}/`);
      await store.addSubfolders(keys);
      const seen: string[] = [];
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await store.listSubfolders(after, 10);
        if (page.length === 0) break;
        seen.push(...page.map((s) => s.dirKey));
      }
      expect(seen).toEqual(keys);
    });

    it('shows none of the rows before all of them are there', async () => {
      const other = await harness.open();
      const keys = Array.from({ length: 5000 }, (_, i) => `dir-${i}/`);
      const adding = { isDone: false };
      const added = store.addSubfolders(keys).finally(() => (adding.isDone = true));
      const seen = new Set<number>();
      while (!adding.isDone) seen.add((await other.countSubfolders()).total);
      await added;
      seen.add((await other.countSubfolders()).total);
      expect([...seen].toSorted((a, b) => a - b)).toEqual([0, keys.length]);
    });

    it('lets two dumps of the same keys run at once', async () => {
      const other = await harness.open();
      const keys = Array.from({ length: 3000 }, (_, i) => `dir-${i}/`);
      const added = await Promise.all([store.addSubfolders(keys), other.addSubfolders(keys)]);
      expect(added[0] + added[1]).toBe(keys.length);
    });
  });
}
