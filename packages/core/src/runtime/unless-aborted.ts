/**
 * Waits for what cannot be aborted itself: a library that asks for a token, a promise that others wait for too.
 * @returns what `pending` ends with, also its rejection
 * @throws the reason of `signal` when it aborts first; how `pending` ends is then nobody's concern any more
 */
export function unlessAborted<T>(pending: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    pending.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
