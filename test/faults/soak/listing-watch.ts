import type { IncomingMessage, ServerResponse } from 'node:http';

/** Tells when the destination has answered a listing of a folder. */
export class ListingWatch {
  readonly #waiting = new Map<string, () => void>();

  /** To be called with each request that the server sees. */
  see({ method, url = '' }: IncomingMessage, response: ServerResponse): void {
    const prefix = new URL(url, 'http://gcs').searchParams.get('prefix');
    const answered = method === 'GET' && prefix !== null ? this.#waiting.get(prefix) : undefined;
    if (answered !== undefined) response.once('finish', answered);
  }

  /** Resolves when the next listing of this prefix has been answered: what it says no longer changes. */
  answered(prefix: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(prefix, () => {
      this.#waiting.delete(prefix);
      resolve();
    });
    return promise;
  }
}
