import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits.
 * @throws the reason of `signal` when it aborts first: not Node's AbortError, which would hide why
 */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
