/** A CLI that fails for every object of a folder says so for each of them. */
const TAIL_BYTES = 8 * 1024;

/** Shorter ones are no secrets but the likes of `local`, which would turn up in file names. */
const MIN_SECRET_LENGTH = 8;

const REDACTED = '[redacted]';

/** Google's access tokens, AWS's key ids, and what stands in headers, signed URLs and the URLs of proxies. */
const SECRET_PATTERNS: readonly RegExp[] = [
  /\bya29\.[\w.-]+/g,
  /\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g,
  /(?<=\bBearer\s+)[\w.~+/=-]+/gi,
  /(?<=\b(?:(?:X-Amz-|X-Goog-)?(?:Signature|Credential)|X-Amz-Security-Token|access_token)=)[^&\s"'<>]+/gi,
  /(?<=:\/\/)[^\s/@:]*:[^\s/@]+(?=@)/g,
];

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
    return redact(this.#isCut ? text.replace(/^\S*\s*/, '') : text, secrets);
  }
}

function redact(text: string, secrets: readonly string[]): string {
  let redacted = text;
  for (const secret of secrets) {
    if (secret.length >= MIN_SECRET_LENGTH) redacted = redacted.replaceAll(secret, REDACTED);
  }
  for (const pattern of SECRET_PATTERNS) redacted = redacted.replaceAll(pattern, REDACTED);
  // Progress dots and cursor movements are of no use in a table.
  return redacted.replaceAll(/[^\P{Cc}\n]/gu, '').trim();
}
