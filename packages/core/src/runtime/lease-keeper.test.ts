import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { StateError } from '../domain/errors.ts';
import type { SubfolderLease } from '../ports/state-store.ts';
import { LeaseKeeper } from './lease-keeper.ts';

/** A third of it is a tick of the timer. */
const LEASE_MS = 15;
const LEASE: SubfolderLease = { dirKey: 'a/', leaseOwner: 'me', expiresAt: new Date(Date.now() + 600_000) };
const FOREVER = new AbortController().signal;

type Extension = () => Promise<SubfolderLease | undefined>;

/** @param now where the clock stands still unless a test moves it */
function keep(extensions: readonly Extension[], signal = FOREVER, now = (): number => 0) {
  let calls = 0;
  const allCalled = Promise.withResolvers<void>();
  const store = {
    extendSubfolderLease: () => {
      const extension = extensions[Math.min(calls, extensions.length - 1)];
      calls += 1;
      if (calls >= extensions.length) allCalled.resolve();
      return extension === undefined ? Promise.resolve(LEASE) : extension();
    },
  };
  return {
    keeper: new LeaseKeeper(store, LEASE, LEASE_MS, signal, now),
    allCalled: allCalled.promise,
    calls: () => calls,
  };
}

const unavailable: Extension = () =>
  Promise.reject(new StateError('STATE_UNAVAILABLE', 'busy', { op: 'extendSubfolderLease' }));

describe('LeaseKeeper', () => {
  it('extends the lease until it is stopped', async () => {
    const extended = { ...LEASE, expiresAt: new Date(Date.now() + 900_000) };
    const { keeper, allCalled, calls } = keep([() => Promise.resolve(LEASE), () => Promise.resolve(extended)]);
    await allCalled;
    await keeper.stop();
    const callsWhenStopped = calls();
    expect(keeper.lease).toEqual(extended);
    expect(keeper.signal.aborted).toBe(false);
    const other = keep([() => Promise.resolve(LEASE)]);
    await other.allCalled;
    await other.keeper.stop();
    expect(calls()).toBe(callsWhenStopped);
  });

  it('says so when the lease is lost', async () => {
    const { keeper } = keep([() => Promise.resolve(undefined)]);
    await once(keeper.signal, 'abort');
    expect(keeper.signal.reason).toMatchObject({ code: 'STATE_LEASE_LOST' });
    await keeper.stop();
  });

  it('tries again while the store is not available', async () => {
    const { keeper, allCalled } = keep([unavailable, unavailable, () => Promise.resolve(LEASE)]);
    await allCalled;
    await keeper.stop();
    expect(keeper.signal.aborted).toBe(false);
  });

  it('gives up on a store that fails for good, and on one that is not available until the lease has run out', async () => {
    const full = new StateError('STATE_STORAGE_FULL', 'full', { op: 'extendSubfolderLease' });
    const { keeper } = keep([() => Promise.reject(full)]);
    await once(keeper.signal, 'abort');
    expect(keeper.signal.reason).toBe(full);
    await keeper.stop();

    let time = 0;
    const late = keep(
      [() => Promise.resolve(LEASE), unavailable, () => Promise.reject(outlasted())],
      FOREVER,
      () => time,
    );
    function outlasted(): StateError {
      time = LEASE_MS;
      return new StateError('STATE_UNAVAILABLE', 'still busy', { op: 'extendSubfolderLease' });
    }
    await once(late.keeper.signal, 'abort');
    expect(late.keeper.signal.reason).toMatchObject({ code: 'STATE_UNAVAILABLE', message: 'still busy' });
    await late.keeper.stop();
  });

  it('stops the work when it is told to', async () => {
    const controller = new AbortController();
    const { keeper } = keep([() => Promise.resolve(LEASE)], controller.signal);
    controller.abort(new Error('enough'));
    expect(keeper.signal.reason).toEqual(new Error('enough'));
    await keeper.stop();
  });
});
