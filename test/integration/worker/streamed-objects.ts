/** More than one block of a stream, and no multiple of anything. */
export const BYTES = 700_001;
export const MULTIPART_ETAG = `${'0123456789abcdef'.repeat(2)}-5`;

/** Whether the ETag is an MD5, and the ETag where it is none. */
export const ETAG_KINDS: readonly (readonly [string, string | undefined])[] = [
  ['is-an-md5', undefined],
  ['is-none', MULTIPART_ETAG],
];

export function content(bytes: number, seed = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8) * 3 + seed) % 256));
}
