import { excerpt } from './dump-format-error.ts';
import { wrong, type LineReading } from './subfolder-line.ts';

/** Where the subfolders of the list must lie. */
export interface ListRoot {
  /** `undefined` where it is not known: URLs then cannot be held against it, and are refused. */
  readonly s3Bucket: string | undefined;
  /** Empty, or with a trailing slash. */
  readonly s3RootPrefix: string;
}

const MAX_KEY_BYTES = 1024;
const URL_SCHEME = 's3://';

/**
 * Reads one entry of a list of subfolders: a name relative to the root, or a URL `s3://BUCKET/PREFIX/NAME/`. Either ends in a
 * slash: without it the entry could as well be an object.
 */
export function parseListEntry(entry: string, root: ListRoot): LineReading {
  if (!entry.isWellFormed()) return wrong(`${excerpt(entry)} is not Unicode text`);
  if (entry !== '' && !entry.endsWith('/')) return wrong(`${excerpt(entry)} does not end in a slash`);
  const isUrl = entry.startsWith(URL_SCHEME);
  if (isUrl && root.s3Bucket === undefined) {
    return wrong(`${excerpt(entry)} is a URL: give s3_bucket and s3_root_prefix, which it is to be held against`);
  }
  const key = isUrl ? keyOfUrl(entry, root.s3Bucket ?? '') : root.s3RootPrefix + entry;
  if (key === undefined) return wrong(`${excerpt(entry)} is not in the bucket ${root.s3Bucket}`);
  if (!key.startsWith(root.s3RootPrefix)) {
    return wrong(`${excerpt(entry)} is not under the root ${excerpt(root.s3RootPrefix)}`);
  }
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) {
    return wrong(`${excerpt(entry)} makes a prefix longer than ${MAX_KEY_BYTES} bytes, the longest key there is`);
  }
  return { kind: 'subfolder', dirKey: key.slice(root.s3RootPrefix.length) };
}

function keyOfUrl(url: string, bucket: string): string | undefined {
  const start = `${URL_SCHEME}${bucket}/`;
  return url.startsWith(start) ? url.slice(start.length) : undefined;
}
