/** What a stream lets itself be given before it has settled some of it; 0 or less is no limit. */
export class OutstandingLimit {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #messages = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages > 0 ? maxMessages : Number.POSITIVE_INFINITY;
    this.#maxBytes = maxBytes > 0 ? maxBytes : Number.POSITIVE_INFINITY;
  }

  get messages(): number {
    return this.#messages;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** A message over the limit of bytes is let through alone: it would never come otherwise. */
  admits(bytes: number): boolean {
    if (this.#messages >= this.#maxMessages) return false;
    return this.#messages === 0 || this.#bytes + bytes <= this.#maxBytes;
  }

  add(bytes: number): void {
    this.#messages += 1;
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#messages -= 1;
    this.#bytes -= bytes;
  }
}
