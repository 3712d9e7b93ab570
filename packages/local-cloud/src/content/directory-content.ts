import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  createReadStream,
  lstatSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { attributesByExtension } from './content-type.ts';
import type { ContentSource, KeyCursor, ObjectAttributes, StoredObject } from './content-store.ts';
import { includesKey, SortedKeysCursor } from './sorted-keys.ts';
import { compareUtf8 } from './utf8-order.ts';

export interface DirectoryContentOptions {
  readonly path: string;
  /** In front of every key; default none. */
  readonly keyPrefix?: string | undefined;
  /** Default: a content type by the extension. */
  readonly attributesOf?: ((key: string) => ObjectAttributes) | undefined;
}

/**
 * Files up to this size are read in one synchronous go: from the page cache that takes less time than the trips through
 * the thread pool to open, read and close one.
 */
const SYNC_READ_BYTES = 128 * 1024;
const STREAM_CHUNK_BYTES = 256 * 1024;
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

/**
 * The regular files of a directory tree; the key is the relative path with `/`. Links are passed over, and so are names
 * that are not UTF-8. A key names a file only if the last scan found it, so no key leads out of the directory.
 */
export class DirectoryContent implements ContentSource {
  readonly #root: string;
  readonly #prefix: string;
  readonly #attributesOf: (key: string) => ObjectAttributes;
  readonly #etags = new Map<string, { readonly size: number; readonly mtimeMs: number; readonly md5: string }>();
  #keys: readonly string[] = [];

  private constructor(options: DirectoryContentOptions) {
    this.#root = realpathSync.native(options.path);
    this.#prefix = options.keyPrefix ?? '';
    this.#attributesOf = options.attributesOf ?? attributesByExtension;
  }

  /** @throws the file system's error when the directory cannot be read */
  static async open(options: DirectoryContentOptions): Promise<DirectoryContent> {
    const content = new DirectoryContent(options);
    await content.rescan();
    return content;
  }

  /** Looks for new and vanished files. Changed ones are noticed without: size and time are read at every use. */
  async rescan(): Promise<void> {
    const keys: string[] = [];
    await this.#scan(this.#root, this.#prefix, keys);
    this.#keys = keys.toSorted(compareUtf8);
  }

  async #scan(directory: string, prefix: string, keys: string[]): Promise<void> {
    for (const entry of await readdir(directory, { withFileTypes: true, encoding: 'buffer' })) {
      const name = entry.name.toString('utf8');
      if (!Buffer.from(name, 'utf8').equals(entry.name)) continue;
      if (entry.isDirectory()) await this.#scan(path.join(directory, name), `${prefix}${name}/`, keys);
      else if (entry.isFile()) keys.push(prefix + name);
    }
  }

  stat(key: string): StoredObject | undefined | Promise<StoredObject | undefined> {
    return includesKey(this.#keys, key) ? this.#describe(key) : undefined;
  }

  cursor(from: string): KeyCursor {
    return new SortedKeysCursor(this.#keys, (key) => this.#describe(key), from);
  }

  #describe(key: string): StoredObject | undefined | Promise<StoredObject | undefined> {
    const file = path.join(this.#root, key.slice(this.#prefix.length));
    const stats = statNow(file);
    if (stats === undefined) return undefined;
    const { size, mtimeMs } = stats;
    const found = (md5: string) => new FileObject(file, size, md5, mtimeMs - (mtimeMs % 1000), this.#attributesOf(key));
    const known = this.#etags.get(key);
    if (known?.size === size && known.mtimeMs === mtimeMs) return found(known.md5);
    const remember = (md5: string) => {
      this.#etags.set(key, { size, mtimeMs, md5 });
      return found(md5);
    };
    if (size > SYNC_READ_BYTES) return md5OfFile(file).then(remember);
    return remember(
      createHash('md5')
        .update(readNow(file, 0, size))
        .digest('hex'),
    );
  }
}

class FileObject implements StoredObject {
  readonly #file: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly attributes: ObjectAttributes;

  constructor(file: string, size: number, etag: string, lastModifiedMs: number, attributes: ObjectAttributes) {
    this.#file = file;
    this.size = size;
    this.etag = etag;
    this.lastModifiedMs = lastModifiedMs;
    this.attributes = attributes;
  }

  open(offset: number, length: number): Uint8Array | Readable {
    if (length <= SYNC_READ_BYTES) return readNow(this.#file, offset, length);
    const fd = openSync(this.#file, READ_FLAGS);
    return createReadStream('', { fd, start: offset, end: offset + length - 1, highWaterMark: STREAM_CHUNK_BYTES });
  }
}

/** @throws RangeError when the file has become shorter */
function readNow(file: string, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  const fd = openSync(file, READ_FLAGS);
  try {
    let done = 0;
    while (done < length) {
      const read = readSync(fd, buffer, done, length - done, offset + done);
      if (read === 0) throw new RangeError(`${file} ends at byte ${offset + done}, before ${offset + length}`);
      done += read;
    }
    return buffer;
  } finally {
    closeSync(fd);
  }
}

async function md5OfFile(file: string): Promise<string> {
  const hash = createHash('md5');
  const chunks = createReadStream('', { fd: openSync(file, READ_FLAGS), highWaterMark: STREAM_CHUNK_BYTES });
  for await (const chunk of chunks) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** @returns `undefined` when there is no regular file any more, or when a link has taken the place of one of its folders */
function statNow(file: string): Stats | undefined {
  try {
    const folder = path.dirname(file);
    if (realpathSync.native(folder) !== folder) return undefined;
    const stats = lstatSync(file, { throwIfNoEntry: false });
    return stats?.isFile() === true ? stats : undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOTDIR' || error.code === 'ENOENT'))
      return undefined;
    throw error;
  }
}
