/** The longest lease there is: what Pub/Sub allows. */
export const MAX_LEASE_MS = 600_000;

/**
 * No lease ends, and nothing that was handed back comes again, later than this from now. Where a time that was stored is later yet, it
 * was counted by a clock that was set back since: whoever holds the lease is gone or extends it by the new clock. Taken for over, it
 * keeps nobody waiting for hours. It is twice the longest lease: hosts of a fleet need not agree to the second.
 * @param now milliseconds since 1970
 */
export function beyondEveryLease(now: number): number {
  return now + 2 * MAX_LEASE_MS;
}
