import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';

/** Stands before a server. While it is closed it holds the requests that it is for; the others go through. */
export class RequestGate {
  readonly #isMeant: (url: string) => boolean;
  #seen = Promise.withResolvers<void>();
  #opened: PromiseWithResolvers<{ readonly letThrough: boolean }> | undefined;

  constructor(isMeant: (url: string) => boolean) {
    this.#isMeant = isMeant;
  }

  readonly intercept: RequestInterceptor = async ({ url = '', socket }) => {
    if (this.#opened === undefined || !this.#isMeant(url)) return false;
    this.#seen.resolve();
    const { letThrough } = await this.#opened.promise;
    if (!letThrough) socket.destroy();
    // Whoever sent it may be gone by now.
    return socket.destroyed;
  };

  close(): void {
    this.#seen = Promise.withResolvers<void>();
    this.#opened ??= Promise.withResolvers();
  }

  /** Lets through what is held, and what comes. */
  open(): void {
    this.#end(true);
  }

  /** Nothing of what is held is ever answered; what comes is let through. */
  drop(): void {
    this.#end(false);
  }

  /** Resolves when a request is held since the gate was closed. */
  get held(): Promise<void> {
    return this.#seen.promise;
  }

  #end(letThrough: boolean): void {
    this.#opened?.resolve({ letThrough });
    this.#opened = undefined;
  }
}
