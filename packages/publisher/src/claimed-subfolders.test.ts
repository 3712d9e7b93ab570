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
