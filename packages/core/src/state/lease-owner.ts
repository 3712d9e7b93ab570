import { randomUUID } from 'node:crypto';

/**
 * A name for one claim: what fences off a holder whose lease ran out and who is given the same row again.
 * @param owner the process, which the name begins with
 */
export function createLeaseOwner(owner: string): string {
  return `${owner}#${randomUUID()}`;
}
