import { matchesWildcard } from './wildcard.ts';

/** One answer of the origin, as it is kept at the edge. */
export interface CachedAnswer {
  readonly path: string;
  readonly status: number;
  /** Names and values in turn; no Content-Length. */
  readonly headers: readonly string[];
  /** Quoted; weak when the edge compressed the body. `undefined` on errors. */
  readonly etag: string | undefined;
  /** What the origin said, to ask it whether that still holds. */
  readonly originEtag: string | undefined;
  readonly lastModifiedMs: number;
  readonly body: Buffer;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
}

/** Answers by cache key; the ones that were not used for longest make room. */
export class EdgeCache {
  readonly #answers = new Map<string, CachedAnswer>();
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(key: string): CachedAnswer | undefined {
    const answer = this.#answers.get(key);
    if (answer !== undefined) {
      this.#answers.delete(key);
      this.#answers.set(key, answer);
    }
    return answer;
  }

  set(key: string, answer: CachedAnswer): void {
    this.delete(key);
    if (answer.body.length > this.#maxBytes) return;
    this.#answers.set(key, answer);
    this.#bytes += answer.body.length;
    for (const oldest of this.#answers.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#bytes -= this.#answers.get(key)?.body.length ?? 0;
    this.#answers.delete(key);
  }

  /** Forgets every answer whose path, as it was requested, matches; `*` and `?` are wildcards. */
  invalidate(pathPattern: string): void {
    for (const [key, answer] of this.#answers) if (matchesWildcard(pathPattern, answer.path)) this.delete(key);
  }
}
