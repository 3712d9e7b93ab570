import { onAbort } from './on-abort.ts';

/**
 * Waits for what cannot be aborted itself: a library that asks for a token, a promise that others wait for too.
 * @returns what `pending` ends with, also its rejection
 * @throws the reason of `signal` when it aborts first; how `pending` ends is then nobody's concern any more
 */
export function unlessAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(signal.reason as Error));
    pending.finally(stopListening).then(resolve, reject);
  });
}
