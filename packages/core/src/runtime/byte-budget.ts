import { onAbort } from './on-abort.ts';

/**
 * Bounds the bytes that a process holds at once. Callers wait in the order in which they came, so that a large request
 * is not starved by small ones.
 */
export class ByteBudget {
  readonly capacityBytes: number;
  #freeBytes: number;
  readonly #waiting: { readonly bytes: number; readonly grant: () => void }[] = [];

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
    this.#freeBytes = capacityBytes;
  }

  get usedBytes(): number {
    return this.capacityBytes - this.#freeBytes;
  }

  /**
   * Waits until `bytes` are free and takes them. A request beyond the whole capacity takes the whole capacity, so it
   * runs alone instead of never.
   * @returns gives the bytes back; calling it again does nothing
   * @throws the reason of `signal` when it aborts first; nothing is taken then
   */
  async acquire(bytes: number, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const taken = Math.min(bytes, this.capacityBytes);
    if (this.#waiting.length > 0 || taken > this.#freeBytes) await this.#wait(taken, signal);
    else this.#freeBytes -= taken;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#freeBytes += taken;
      this.#grantWaiting();
    };
  }

  #wait(bytes: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        bytes,
        grant: () => {
          stopListening();
          resolve();
        },
      };
      this.#waiting.push(entry);
      const stopListening = onAbort(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        this.#grantWaiting();
        reject(signal.reason as Error);
      });
    });
  }

  #grantWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && next.bytes <= this.#freeBytes; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#freeBytes -= next.bytes;
      next.grant();
    }
  }
}
