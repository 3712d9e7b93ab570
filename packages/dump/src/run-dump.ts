import type { ObjectLister } from '@object-transfer/core/ports/object-source';
import type { StateStore } from '@object-transfer/core/ports/state-store';
import { listSubfolders } from './list-subfolders.ts';
import { readDumpFile } from './read-dump-file.ts';

export interface DumpOptions {
  readonly store: Pick<StateStore, 'addSubfolders' | 'countNewSubfolders'>;
  /** Where the names come from: the bucket itself, or a file that somebody listed it into. */
  readonly from: { readonly lister: ObjectLister } | { readonly dumpFile: string };
  readonly s3Bucket: string;
  /** Empty, or with a trailing slash. */
  readonly s3RootPrefix: string;
  /** Counts what would be new and writes nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Called while listing, with the subfolders found so far. */
  readonly onProgress?: ((subfolders: number) => void) | undefined;
}

export interface DumpResult {
  /** Rows asked for: the subfolders found, and the root. */
  readonly listed: number;
  /** Of these, added by this dump or, in a dry run, to be added. */
  readonly new: number;
  /** Of these, there already and left alone. */
  readonly known: number;
}

/** `dirKey` of the row that holds the objects directly under the root. */
const ROOT_DIR_KEY = '';

/**
 * Adds the subfolders of the root to the state table, those that are not there yet. All are found before the first is
 * added, and added all or none: a listing that fails half-way leaves the table as it was. The names are held in
 * memory until then, about 100 bytes each.
 * @throws SourceError where the listing fails, ConfigurationError where the dump file is wrong, StateError where storing fails
 */
export async function runDump(options: DumpOptions): Promise<DumpResult> {
  const dirKeys = await findSubfolders(options);
  // The root's row is always added: whether there are objects directly under it may change after this listing, and an
  // empty row costs one request.
  if (!dirKeys.includes(ROOT_DIR_KEY)) dirKeys.unshift(ROOT_DIR_KEY);
  options.signal.throwIfAborted();
  const added = options.dryRun
    ? await options.store.countNewSubfolders(dirKeys)
    : await options.store.addSubfolders(dirKeys);
  return { listed: dirKeys.length, new: added, known: dirKeys.length - added };
}

async function findSubfolders(options: DumpOptions): Promise<string[]> {
  const { from, s3Bucket, s3RootPrefix, signal, onProgress } = options;
  if ('dumpFile' in from) {
    const fromFile = await readDumpFile(from.dumpFile, { s3Bucket, s3RootPrefix }, signal);
    onProgress?.(fromFile.length);
    return [...fromFile];
  }
  const dirKeys: string[] = [];
  for await (const page of listSubfolders(from.lister, s3RootPrefix, signal)) {
    for (const dirKey of page) dirKeys.push(dirKey);
    onProgress?.(dirKeys.length);
  }
  return dirKeys;
}
