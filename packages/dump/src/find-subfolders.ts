import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import { listSubfolders } from './list-subfolders.ts';
import { readDumpFile } from './read-dump-file.ts';

export interface SubfolderSource {
  /** Where the names come from: the bucket itself, or a file that somebody listed it into. */
  readonly from: { readonly lister: ObjectLister } | { readonly dumpFile: string };
  /** May be left out where the names come from a file of names relative to the root. */
  readonly s3Bucket: string | undefined;
  /** Empty, or with a trailing slash. */
  readonly s3RootPrefix: string;
  readonly signal: AbortSignal;
  /** Called while listing, with the subfolders found so far. */
  readonly onProgress?: ((subfolders: number) => void) | undefined;
}

/** `dirKey` of the row that holds the objects directly under the root. */
const ROOT_DIR_KEY = '';

/**
 * Finds the rows that a root needs: all of its subfolders, and the root itself. The names are held in memory, about 100
 * bytes each.
 * @throws SourceError where the listing fails, ConfigurationError where the bucket is missing or the dump file is wrong
 */
export async function findSubfolders(source: SubfolderSource): Promise<readonly string[]> {
  const { from, s3Bucket, s3RootPrefix, signal, onProgress } = source;
  const dirKeys: string[] = [];
  if ('dumpFile' in from) {
    for (const dirKey of await readDumpFile(from.dumpFile, { s3Bucket, s3RootPrefix }, signal)) dirKeys.push(dirKey);
    onProgress?.(dirKeys.length);
  } else {
    for await (const page of listSubfolders(from.lister, s3RootPrefix, signal)) {
      for (const dirKey of page) dirKeys.push(dirKey);
      onProgress?.(dirKeys.length);
    }
  }
  // The root's row is always there: whether there are objects directly under it may change after this listing, and an
  // empty row costs one request.
  if (!dirKeys.includes(ROOT_DIR_KEY)) dirKeys.unshift(ROOT_DIR_KEY);
  return dirKeys;
}
