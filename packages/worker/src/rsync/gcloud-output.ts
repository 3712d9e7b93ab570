import { redactSecrets } from '@object-transfer/core/domain/redact-secrets';

/** A CLI that fails for every object of a folder says so for each of them. */
const TAIL_BYTES = 8 * 1024;

/** Keeps the end of what a process writes, in bounded memory. */
export class OutputTail {
  #bytes: Buffer = Buffer.alloc(0);
  #isCut = false;

  add(chunk: Buffer): void {
    const all = Buffer.concat([this.#bytes, chunk]);
    this.#isCut ||= all.length > TAIL_BYTES;
    this.#bytes = all.subarray(-TAIL_BYTES);
  }

  /**
   * Whole words only where the start is missing: half of a secret would not be recognised as one.
   * @param secrets values that are never to be shown
   */
  text(secrets: readonly string[]): string {
    const text = this.#bytes.toString();
    const whole = redactSecrets(this.#isCut ? text.replace(/^\S*\s*/, '') : text, secrets);
    // Progress dots and cursor movements are of no use in a table.
    return whole.replaceAll(/[^\P{Cc}\n]/gu, '').trim();
  }
}
