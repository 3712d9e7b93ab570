import { availableParallelism } from 'node:os';

/**
 * Which processors the two sides use, as `taskset` takes them: the servers have the last one to themselves as long as the client
 * is one process. `undefined` where there is only one for all.
 */
const last = availableParallelism() - 1;

export const SERVER_CPUS = last > 0 ? String(last) : undefined;
export const CLIENT_CPUS = last > 0 ? '0' : undefined;
/**
 * For a client of two processes. Where there are only two processors, both share one: beside the servers they would be measured
 * together with what servers do to each other's caches.
 */
export const TWO_CLIENT_CPUS = last > 1 ? '0,1' : CLIENT_CPUS;
