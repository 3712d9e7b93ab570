import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

/** Who holds a lease or reports a heartbeat: `host:pid:unique`. */
export interface ProcessIdentity {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

export function createProcessIdentity(): ProcessIdentity {
  const host = hostname();
  return { id: `${host}:${process.pid}:${randomUUID().slice(0, 8)}`, host, pid: process.pid };
}

/** True where that process ran on this host and runs no more; false where nobody here can tell. */
export function isProcessGone(host: string, pid: number): boolean {
  if (host !== hostname()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** {@link isProcessGone} for a lease owner, which begins with a {@link ProcessIdentity} id. */
export function isLeaseOwnerGone(leaseOwner: string): boolean {
  const match = /^(.+):(\d+):[0-9a-f]{8}/.exec(leaseOwner);
  return match?.[1] !== undefined && isProcessGone(match[1], Number(match[2]));
}
