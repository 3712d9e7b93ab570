import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';

/** Stands before GCS and counts uploads; those beyond the first few can be held, so that a run stays half-way. */
export class UploadGate {
  readonly #letThrough: number;
  readonly #released = Promise.withResolvers<void>();
  readonly #openResponses = new Set<ServerResponse>();
  readonly #waiting = new Set<() => void>();
  #seen = 0;
  #answered = 0;
  #dropped = 0;

  /** @param letThrough uploads after which every other one is held until {@link release} */
  constructor(letThrough = Number.POSITIVE_INFINITY) {
    this.#letThrough = letThrough;
  }

  readonly intercept: RequestInterceptor = async (request, response) => {
    this.#openResponses.add(response);
    response.once('close', () => {
      this.#openResponses.delete(response);
      this.#wake();
    });
    if (request.url?.startsWith('/upload/') !== true) return false;
    response.once('finish', () => {
      this.#answered += 1;
      this.#wake();
    });
    this.#seen += 1;
    return this.#seen > this.#letThrough && (await this.#hold(request));
  };

  /** Uploads that were held, and whose processes had gone when they were let through. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Lets everything through; the uploads of processes that are gone by now are dropped. */
  release(): void {
    this.#released.resolve();
  }

  /** Resolves when so many uploads have been answered since the gate was made. */
  answered(uploads: number): Promise<void> {
    return this.#until(() => this.#answered >= uploads);
  }

  /** Resolves when no request is open: what is stored by then is all. */
  idle(): Promise<void> {
    return this.#until(() => this.#openResponses.size === 0);
  }

  async #hold(request: IncomingMessage): Promise<boolean> {
    await this.#released.promise;
    if (request.socket.destroyed) this.#dropped += 1;
    return request.socket.destroyed;
  }

  async #until(condition: () => boolean): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  #wake(): void {
    for (const look of this.#waiting) look();
  }
}
