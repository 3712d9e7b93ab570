import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { RunRecord } from '../ports/state-store.ts';

/** Tells this process from one before it of the same number on the same host. 8 hex digits. */
export const PROCESS_TOKEN = randomBytes(4).toString('hex');

/** Of the processes that a machine began with. @see https://man7.org/linux/man-pages/man7/pid_namespaces.7.html */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';
/**
 * Two containers may have the host's name and a process 1 each, be it on one machine or on two. Empty where all processes of the machine
 * can be seen.
 */
const PID_NAMESPACE = pidNamespace();

let identities = 0;

/** Who holds a lease or reports a heartbeat: `host:pid:token-unique`, in a container `host:pid:token-unique@namespace-boot`. */
export interface ProcessIdentity {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

export function createProcessIdentity(): ProcessIdentity {
  const host = hostname();
  identities++;
  const unique = identities.toString(16).padStart(4, '0');
  return { id: `${host}:${process.pid}:${PROCESS_TOKEN}-${unique}${PID_NAMESPACE}`, host, pid: process.pid };
}

/** Of a run of this process: `token-uuid`, in a container `token-uuid@namespace-boot`. */
export function createRunId(): string {
  return `${PROCESS_TOKEN}-${randomUUID()}${PID_NAMESPACE}`;
}

/** Who runs this process, as the operating system names them; a container may have a user without a name: its number. */
export function processUser(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

/**
 * True where that process ran on this host and runs no more; false where nobody here can tell.
 * @param token its {@link PROCESS_TOKEN}
 */
export function isProcessGone(host: string, pid: number, token: string): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return token !== PROCESS_TOKEN;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM: it lives and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/**
 * {@link isProcessGone} for a lease owner, which begins with a {@link ProcessIdentity} id. Of the processes in another container nobody
 * here can tell, whatever the name of the host.
 */
export function isLeaseOwnerGone(leaseOwner: string): boolean {
  const [, host, pid, token, unique, namespace = ''] =
    /^(.+):(\d+):([0-9a-f]{8})(?:(-[0-9a-f]+)(@[\da-f-]+)?)?/.exec(leaseOwner) ?? [];
  if (host === undefined || token === undefined) return false;
  if (unique !== undefined && namespace !== PID_NAMESPACE) return false;
  return isProcessGone(host, Number(pid), token);
}

/**
 * {@link isProcessGone} for a run, by its {@link createRunId id}. Of the processes in another container nobody here can tell; one whose
 * id names none was in none, or began under a version that did not say so.
 */
export function isRunGone({ runId, host, pid }: Pick<RunRecord, 'runId' | 'host' | 'pid'>): boolean {
  const namespace = /@[\da-f-]+$/.exec(runId)?.[0] ?? '';
  return namespace === PID_NAMESPACE && isProcessGone(host, pid, runId.slice(0, PROCESS_TOKEN.length));
}

/** True for a lease owner that is this process itself, whichever of its identities. */
export function isLeaseOwnerHere(leaseOwner: string): boolean {
  return leaseOwner.startsWith(`${hostname()}:${process.pid}:${PROCESS_TOKEN}-`);
}

/**
 * `@`, the namespace's number, and what tells the machine's kernel from others, which number theirs alike.
 * @see https://docs.kernel.org/admin-guide/sysctl/kernel.html#random
 */
function pidNamespace(): string {
  try {
    const name = readlinkSync('/proc/self/ns/pid');
    if (name === INITIAL_PID_NAMESPACE) return '';
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
    return `@${name.replaceAll(/\D/g, '')}-${boot}`;
  } catch {
    // Not Linux, where there are none.
    return '';
  }
}
