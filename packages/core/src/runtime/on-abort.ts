/**
 * Calls back when a signal aborts, at a cost that does not depend on how many wait for the same one. Taking a listener
 * off an AbortSignal walks through all of its listeners; here each signal has one, and a set behind it.
 */

interface Waiting {
  readonly callbacks: Set<() => void>;
  readonly listener: () => void;
}

const waitingFor = new WeakMap<AbortSignal, Waiting>();

/**
 * @param callback called once, at once where the signal has aborted already; must not throw
 * @returns what takes the callback off again; to be called when it is not needed any more
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return nothingToTakeOff;
  }
  const { callbacks, listener } = waitingFor.get(signal) ?? listenTo(signal);
  // The same function may wait twice.
  const entry = () => callback();
  callbacks.add(entry);
  return () => {
    if (!callbacks.delete(entry) || callbacks.size > 0 || signal.aborted) return;
    // A signal made of others that is listened to lives as long as they do.
    signal.removeEventListener('abort', listener);
    waitingFor.delete(signal);
  };
}

function listenTo(signal: AbortSignal): Waiting {
  const callbacks = new Set<() => void>();
  const listener = () => {
    for (const callback of callbacks) callback();
    callbacks.clear();
  };
  const waiting = { callbacks, listener };
  waitingFor.set(signal, waiting);
  signal.addEventListener('abort', listener, { once: true });
  return waiting;
}

function nothingToTakeOff(): void {
  // The callback has been called.
}
