/** What Pub/Sub hands to one stream at a time, see `cli/src/wiring/pubsub.ts`. */
const MAX_MESSAGES_IN_FLIGHT = 32;
/** What a stream has brought that ended is held until its lease, of ten seconds in a soak, is over. */
const LEASE_OVER_MS = 12_000;
/** Children whose parent was killed keep their streams until they notice: a command of the soak has two at most. */
const ORPHANS = 2;

export interface FlowState {
  /** Messages in the hands of processes. */
  readonly outstanding: number;
  readonly openStreams: number;
  /** Until now. */
  readonly streamsOpened: number;
}

/** Holds the messages that processes have in their hands against what they may have. */
export class HeldMessages {
  /** Of one flow, at most. */
  most = 0;
  readonly #ended = new Map<string, { readonly atMs: number; readonly streams: number }[]>();

  /**
   * To be called again and again.
   * @param consumers processes that take messages of this flow
   * @param nowMs of a clock that nobody sets
   * @returns what is wrong, a line each
   */
  look(flow: string, state: FlowState, consumers: number, nowMs: number): readonly string[] {
    const { outstanding, openStreams, streamsOpened } = state;
    this.most = Math.max(this.most, outstanding);
    const endedLately = this.#endedLately(flow, streamsOpened - openStreams, nowMs);
    const found: string[] = [];
    if (openStreams > consumers + ORPHANS)
      found.push(`queue: ${openStreams} streams of ${flow} are open, for ${consumers} processes`);
    // A process reads no more once it has that many. What it has from an earlier stream does not count for the one that it has now, so
    // that all of that may come when one is missing; and as many more may wait in a stream that is not read.
    const bound = MAX_MESSAGES_IN_FLIGHT * (2 * consumers + openStreams + endedLately);
    if (outstanding > bound) found.push(`queue: ${outstanding} messages of ${flow} are held, at most ${bound} may be`);
    return found;
  }

  #endedLately(flow: string, ended: number, nowMs: number): number {
    const seen = this.#ended.get(flow) ?? [{ atMs: Number.NEGATIVE_INFINITY, streams: 0 }];
    seen.push({ atMs: nowMs, streams: ended });
    const old = seen.findLastIndex(({ atMs }) => atMs <= nowMs - LEASE_OVER_MS);
    const kept = seen.slice(old);
    this.#ended.set(flow, kept);
    return ended - (kept[0]?.streams ?? 0);
  }
}
