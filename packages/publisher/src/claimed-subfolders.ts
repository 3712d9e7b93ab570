import type { ClaimRequest, StateStore } from '@object-transfer/core/ports/state-store';
import { LeaseKeeper } from '@object-transfer/core/runtime/lease-keeper';

type ClaimingStore = Pick<StateStore, 'claimSubfolders' | 'extendSubfolderLease' | 'releaseSubfolder'>;

/** Claims subfolders ahead for several takers. The leases of those that wait to be taken are extended, too. */
export class ClaimedSubfolders {
  readonly #store: ClaimingStore;
  readonly #request: ClaimRequest;
  readonly #signal: AbortSignal;
  readonly #waiting: LeaseKeeper[] = [];
  #claiming: Promise<void> | undefined;

  /** @param request its limit must not be below the number of takers */
  constructor(store: ClaimingStore, request: ClaimRequest, signal: AbortSignal) {
    this.#store = store;
    this.#request = request;
    this.#signal = signal;
  }

  /** @returns a subfolder for the caller to work on and to stop, `undefined` where none can be claimed */
  async take(): Promise<LeaseKeeper | undefined> {
    if (this.#waiting.length === 0) {
      // Those who come while a claim is under way share what it brings.
      this.#claiming ??= this.#claim().finally(() => {
        this.#claiming = undefined;
      });
      await this.#claiming;
    }
    return this.#waiting.shift();
  }

  /**
   * Gives back what nobody took, all at once: a publisher that is told to stop has seconds. However that goes, nothing is extended any more: a timer left running would keep the
   * process alive for ever.
   * @throws what the store threw first
   */
  async close(): Promise<void> {
    const keepers = this.#waiting.splice(0);
    const releases = await Promise.allSettled(
      keepers.map(async (keeper) => {
        await keeper.stop();
        await this.#store.releaseSubfolder(keeper.lease);
      }),
    );
    for (const release of releases) if (release.status === 'rejected') throw release.reason;
  }

  async #claim(): Promise<void> {
    const leases = await this.#store.claimSubfolders(this.#request);
    const { leaseMs } = this.#request;
    for (const lease of leases) this.#waiting.push(new LeaseKeeper(this.#store, lease, leaseMs, this.#signal));
  }
}
