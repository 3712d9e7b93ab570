/**
 * What Pub/Sub grants.
 * @see https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1#modifyackdeadlinerequest
 */
const MIN_LEASE_SECONDS = 10;
export const MAX_LEASE_SECONDS = 600;

/** @returns the lease that Pub/Sub is asked for: 10 s to 600 s */
export function secondsOf(leaseMs: number): number {
  return Math.min(MAX_LEASE_SECONDS, Math.max(MIN_LEASE_SECONDS, Math.ceil(leaseMs / 1000)));
}
