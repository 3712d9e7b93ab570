import type { IncomingMessage } from 'node:http';

/**
 * Sees every deletion that reaches the destination. Nothing may be deleted there that the source has: repairs would bring it back, and
 * whoever looks in the end would see nothing of it.
 */
export class DeleteWatch {
  /** Names that were deleted although the source had them. */
  readonly wrong: string[] = [];
  readonly #isAtSource: (key: string) => boolean;

  constructor(isAtSource: (key: string) => boolean) {
    this.#isAtSource = isAtSource;
  }

  /** To be called with each request that the server sees. */
  see({ method, url = '' }: IncomingMessage): void {
    const name = decodeURIComponent(/\/o\/([^?]+)/.exec(url)?.[1] ?? '');
    if (method === 'DELETE' && this.#isAtSource(name)) this.wrong.push(name);
  }
}
