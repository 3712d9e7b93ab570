export interface RetryPolicy {
  readonly minimumBackoffMs: number;
  readonly maximumBackoffMs: number;
}

/**
 * How long a message rests after its n-th failed delivery (1 for the first): the minimum, doubled each time, up to the maximum.
 * Without a policy it does not rest.
 * @see https://cloud.google.com/pubsub/docs/handling-failures#exponential_backoff
 */
export function backoffMs(policy: RetryPolicy | undefined, failures: number): number {
  if (policy === undefined) return 0;
  return Math.min(policy.minimumBackoffMs * 2 ** Math.max(0, failures - 1), policy.maximumBackoffMs);
}
