/**
 * Calls back when a signal aborts, at a cost that does not depend on how many wait for the same one. Taking a listener
 * off an AbortSignal walks through all of its listeners; here each signal has one, and a set behind it.
 */

const callbacksOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * @param callback called once, at once where the signal has aborted already; must not throw
 * @returns what takes the callback off again; to be called when it is not needed any more
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return nothingToTakeOff;
  }
  const callbacks = callbacksOf.get(signal) ?? listenTo(signal);
  // The same function may wait twice.
  const entry = () => callback();
  callbacks.add(entry);
  return () => {
    callbacks.delete(entry);
  };
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const callbacks = new Set<() => void>();
  callbacksOf.set(signal, callbacks);
  signal.addEventListener(
    'abort',
    () => {
      for (const callback of callbacks) callback();
      callbacks.clear();
    },
    { once: true },
  );
  return callbacks;
}

function nothingToTakeOff(): void {
  // The callback has been called.
}
