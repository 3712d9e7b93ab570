import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';

/** Stands before a server. While it is closed it holds the requests that it is for; the others go through. */
export class RequestGate {
  readonly #isMeant: (url: string) => boolean;
  #seen = Promise.withResolvers<void>();
  #opened: PromiseWithResolvers<void> | undefined;

  constructor(isMeant: (url: string) => boolean) {
    this.#isMeant = isMeant;
  }

  readonly intercept: RequestInterceptor = async ({ url = '', socket }) => {
    if (this.#opened === undefined || !this.#isMeant(url)) return false;
    this.#seen.resolve();
    await this.#opened.promise;
    // Whoever sent it may be gone by now.
    return socket.destroyed;
  };

  close(): void {
    this.#seen = Promise.withResolvers<void>();
    this.#opened ??= Promise.withResolvers<void>();
  }

  open(): void {
    this.#opened?.resolve();
    this.#opened = undefined;
  }

  /** Resolves when a request is held since the gate was closed. */
  get held(): Promise<void> {
    return this.#seen.promise;
  }
}
