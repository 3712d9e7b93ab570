import { expect, test } from 'vitest';
import { ClaimedSubfolders } from './claimed-subfolders.ts';

function timers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length;
}

test('leaves no timer running where what nobody took cannot be given back', async () => {
  const before = timers();
  const full = new Error('the disk is full');
  const store = {
    claimSubfolders: () =>
      Promise.resolve(
        ['a/', 'b/', 'c/', 'd/'].map((dirKey) => ({ dirKey, leaseOwner: `me#${dirKey}`, expiresAt: new Date() })),
      ),
    extendSubfolderLease: () => Promise.resolve(undefined),
    releaseSubfolder: () => Promise.reject(full),
  };
  const claimed = new ClaimedSubfolders(
    store,
    { owner: 'me', leaseMs: 600_000, limit: 4 },
    new AbortController().signal,
  );
  const taken = await claimed.take();
  expect(timers()).toBe(before + 4);
  await expect(claimed.close()).rejects.toBe(full);
  await taken?.stop();
  expect(timers()).toBe(before);
});

test('gives back at once what nobody took', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<boolean>();
  const asked: string[] = [];
  const store = {
    claimSubfolders: () =>
      Promise.resolve(
        ['a/', 'b/', 'c/'].map((dirKey) => ({ dirKey, leaseOwner: `me#${dirKey}`, expiresAt: new Date() })),
      ),
    extendSubfolderLease: () => Promise.resolve(undefined),
    releaseSubfolder: ({ dirKey }: { readonly dirKey: string }) => {
      asked.push(dirKey);
      if (asked.length === 2) release(true);
      return released;
    },
  };
  const claimed = new ClaimedSubfolders(
    store,
    { owner: 'me', leaseMs: 600_000, limit: 3 },
    new AbortController().signal,
  );
  const taken = await claimed.take();
  // The first release is answered once the second was asked for.
  await claimed.close();
  expect(asked).toEqual(['b/', 'c/']);
  await taken?.stop();
});
