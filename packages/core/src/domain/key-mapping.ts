import { SourceError } from './errors.ts';

export interface KeyMappingSettings {
  /** Root folder in the S3 bucket: empty, or with a trailing slash. See {@link normalizeRootPrefix}. */
  readonly s3RootPrefix: string;
  /** Root folder in the GCS bucket: empty, or with a trailing slash. */
  readonly gcsRootPrefix: string;
}

/**
 * A root prefix is a folder: it is empty or ends in a slash. Configurations of the reference tool leave the slash out;
 * without it `photos` would also take in `photos-private/`.
 */
export function normalizeRootPrefix(prefix: string): string {
  return prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
}

/** The S3 prefix of a subfolder row. The row `''` is the root itself, listed without its subfolders. */
export function subfolderPrefix(settings: Pick<KeyMappingSettings, 's3RootPrefix'>, dirKey: string): string {
  return settings.s3RootPrefix + dirKey;
}

/** The row that a key belongs to: its first folder below the root, or the root itself. */
export function dirKeyOf(settings: Pick<KeyMappingSettings, 's3RootPrefix'>, key: string): string {
  const path = key.slice(settings.s3RootPrefix.length);
  return path.slice(0, path.indexOf('/') + 1);
}

/**
 * The GCS name for an S3 key: `gcsRootPrefix` + the key without `s3RootPrefix`, which is removed once, at the start.
 * @throws SourceError `SOURCE_KEY_OUTSIDE_ROOT` where the key does not lie under the root
 */
export function destinationName(settings: KeyMappingSettings, key: string): string {
  const { s3RootPrefix, gcsRootPrefix } = settings;
  if (!key.startsWith(s3RootPrefix)) {
    throw new SourceError(
      'SOURCE_KEY_OUTSIDE_ROOT',
      `key ${JSON.stringify(key)} is not under ${JSON.stringify(s3RootPrefix)}`,
      {
        op: 'mapKey',
        source: key,
      },
    );
  }
  // What is put together anew takes several times as long to compare.
  return s3RootPrefix === gcsRootPrefix ? key : gcsRootPrefix + key.slice(s3RootPrefix.length);
}

/**
 * True for the zero-byte marker of the root folder itself where the destination is a whole bucket: a bucket's root has
 * no name, and nothing is lost without it. With content, such an object is one whose name GCS forbids.
 */
export function isNamelessRootMarker(
  settings: KeyMappingSettings,
  object: { readonly key: string; readonly sizeBytes: number },
): boolean {
  return object.key === settings.s3RootPrefix && settings.gcsRootPrefix === '' && object.sizeBytes === 0;
}

/**
 * The key as the CDN knows it: each part is replaced by its counterpart, everywhere in the key and in the order given.
 * It never alters the GCS name.
 */
export function replaceKeyParts(key: string, replacements: Readonly<Record<string, string>>): string {
  let replaced = key;
  for (const [part, replacement] of Object.entries(replacements)) {
    // As a function: a replacement string would have its `$` sequences expanded.
    replaced = replaced.replaceAll(part, () => replacement);
  }
  return replaced;
}

const PLAIN_PATH = /^[A-Za-z0-9\-_.~/]*$/;

/**
 * Percent-encodes a key as S3 does for SigV4: everything but `A-Z a-z 0-9 - _ . ~` and the slash, as UTF-8. The result
 * is sent as a raw path, so `.`, `..` and empty segments survive.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function encodeKeyPath(key: string): string {
  if (PLAIN_PATH.test(key)) return key;
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/**
 * The raw CDN path of a key: path of `cloudfront_url_host_pre` followed by the encoded key, nothing in between.
 * @param hostPre absolute URL; where it has no path at all a slash is assumed
 */
export function cdnPath(hostPre: string, key: string, replacements: Readonly<Record<string, string>>): string {
  const afterScheme = hostPre.indexOf('://') + 3;
  const slash = hostPre.indexOf('/', afterScheme);
  const base = slash === -1 ? '/' : hostPre.slice(slash);
  return base + encodeKeyPath(replaceKeyParts(key, replacements));
}

/** Orders strings as S3 and GCS list them: by the bytes of their UTF-8 form, not by UTF-16 units. */
export function compareUtf8(a: string, b: string): number {
  // Most of what a comparison of listings asks for is equal.
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      // Surrogates encode code points above U+FFFF, which UTF-8 sorts after U+E000..U+FFFF; UTF-16 sorts them before.
      const xs = x >= 0xd800 && x <= 0xdfff ? x + 0x10000 : x;
      const ys = y >= 0xd800 && y <= 0xdfff ? y + 0x10000 : y;
      return xs - ys;
    }
  }
  return a.length - b.length;
}
