import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestInterceptor } from '@object-transfer/local-cloud/http/listen';

/** Larger uploads are parts of an object that is composed of them afterwards. */
const SMALL_BYTES = 64 * 1024;

/**
 * Stands before GCS and holds a run half-way: counts uploads, holds those beyond the first few, and holds every
 * composition of parts, while the parts themselves pass.
 */
export class UploadGate {
  readonly #letThrough: number;
  readonly #released = Promise.withResolvers<void>();
  readonly #openResponses = new Set<ServerResponse>();
  readonly #waiting = new Set<() => void>();
  #composing = false;
  #seen = 0;
  #answered = 0;
  #dropped = 0;

  /** @param letThrough small uploads after which every other one is held until {@link release} */
  constructor(letThrough: number) {
    this.#letThrough = letThrough;
  }

  readonly intercept: RequestInterceptor = async (request, response) => {
    this.#openResponses.add(response);
    response.once('close', () => {
      this.#openResponses.delete(response);
      this.#wake();
    });
    const { url = '', headers } = request;
    if (url.includes('/compose?')) {
      this.#composing = true;
      this.#wake();
      return this.#hold(request);
    }
    if (!url.startsWith('/upload/') || Number(headers['content-length']) > SMALL_BYTES) return false;
    response.once('finish', () => {
      this.#answered += 1;
      this.#wake();
    });
    this.#seen += 1;
    this.#wake();
    return this.#seen > this.#letThrough && (await this.#hold(request));
  };

  /** Requests that were held, and whose processes had gone when they were let through. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Lets everything through; what came from processes that are gone by now is dropped. */
  release(): void {
    this.#released.resolve();
  }

  /** Resolves when so many small uploads have been answered since the gate was made. */
  answered(uploads: number): Promise<void> {
    return this.#until(() => this.#answered >= uploads);
  }

  /** Resolves when so many small uploads have begun since the gate was made. */
  seen(uploads: number): Promise<void> {
    return this.#until(() => this.#seen >= uploads);
  }

  /** Resolves when an object whose parts are all there is about to be composed, and held at that. */
  composing(): Promise<void> {
    return this.#until(() => this.#composing);
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
