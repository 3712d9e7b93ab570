import type { StateStore } from '@object-transfer/core/ports/state-store';

/** An empty state, for one test. */
export interface StateStoreHarness {
  /** Opens the state once more, as another process would: with a connection of its own. */
  open(): Promise<StateStore>;
  now(): Date;
  /** Lets this much time pass, by moving the clock of every store or by waiting. */
  elapse(ms: number): Promise<void>;
  /** Closes every store that was opened. */
  dispose(): Promise<void>;
}
