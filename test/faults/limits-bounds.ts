/** What is promised of each process at any size of object: `performance.md`. It holds with the launcher's flags. */
export const MAX_RSS_BYTES = 256 * 1024 * 1024;

/** Beside the transfers: a listing has `list_streams` connections (4) to each side, tokens and checks have one or two each. */
const OTHER_SOCKETS = 32;

/**
 * Of one process. An object in flight is read by one connection and written by another. A connection is free for the next request a
 * turn of the event loop later than its place under the limit, so that at worst there are two for each place.
 * @param maxConcurrency as configured
 */
export function maxSockets(maxConcurrency: number): number {
  return 2 * 2 * maxConcurrency + OTHER_SOCKETS;
}

/** Beside sockets: Node itself has about 20 (event loop, thread pool, pipes), the state 3, outputs and modules that are being loaded some. */
const OTHER_FDS = 64;

/** Of one process: with the default of 128 objects in flight below the 1,024 that systems allow by default. */
export function maxFds(maxConcurrency: number): number {
  return maxSockets(maxConcurrency) + OTHER_FDS;
}
