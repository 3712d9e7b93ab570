import { crc32c } from '@node-rs/crc32';
import { createHash } from 'node:crypto';
import { invalid } from './gcs-error.ts';

/** Checksums of an object's bytes. */
export interface Digest {
  /** Unsigned 32-bit. */
  readonly crc32c: number;
  /** Base64; composite objects have none. */
  readonly md5Hash?: string | undefined;
}

/** Checksums that a client announced, base64 as it sent them. */
export interface ExpectedDigest {
  readonly crc32c?: string | undefined;
  readonly md5Hash?: string | undefined;
}

/** Both checksums of bytes that arrive in pieces. */
export class RunningDigest {
  #crc32c = 0;
  readonly #md5 = createHash('md5');

  update(bytes: Buffer): void {
    this.#crc32c = crc32c(bytes, this.#crc32c);
    this.#md5.update(bytes);
  }

  /** May be called once. */
  finish(): Digest {
    return { crc32c: this.#crc32c, md5Hash: this.#md5.digest('base64') };
  }
}

/** A crc32c as the API writes it: base64 of the four bytes, most significant first. */
export function encodeCrc32c(value: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

/**
 * Reads `X-Goog-Hash: crc32c=AAAAAA==,md5=…`.
 * @see https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash
 */
export function parseHashHeader(header: string | readonly string[] | undefined): ExpectedDigest {
  if (header === undefined) return {};
  const expected: { crc32c?: string; md5Hash?: string } = {};
  for (const item of header.toString().split(',')) {
    const [algorithm, ...value] = item.trim().split('=');
    if (algorithm === 'crc32c') expected.crc32c = value.join('=');
    if (algorithm === 'md5') expected.md5Hash = value.join('=');
  }
  return expected;
}

/**
 * Compares what arrived with what the client announced, in GCS's words.
 * @throws GcsError 400 naming every checksum that differs
 */
export function checkDigest(actual: Digest, ...announced: readonly ExpectedDigest[]): void {
  const messages: string[] = [];
  for (const expected of announced) {
    const calculated = encodeCrc32c(actual.crc32c);
    if (expected.crc32c !== undefined && expected.crc32c !== calculated) {
      messages.push(`Provided CRC32C "${expected.crc32c}" doesn't match calculated CRC32C "${calculated}".`);
    }
    if (expected.md5Hash !== undefined && actual.md5Hash !== undefined && expected.md5Hash !== actual.md5Hash) {
      messages.push(`Provided MD5 hash "${expected.md5Hash}" doesn't match calculated MD5 hash "${actual.md5Hash}".`);
    }
  }
  const [first, ...more] = messages;
  if (first !== undefined) throw invalid(first, ...more);
}
