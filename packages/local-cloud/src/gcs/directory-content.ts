import { createHash, randomBytes } from 'node:crypto';
import { closeSync, createReadStream, createWriteStream, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Content, ContentStore, ContentWriter } from './content-store.ts';

/** The subdirectory of a bucket's directory that holds the bytes, spread over 256 directories. */
export const BYTES_DIRECTORY = 'bytes';

/**
 * Keeps bytes in files named by the SHA-256 of the object's name and a random suffix, so that no name can leave the directory,
 * collide on a case-insensitive file system or be too long for it, and no generation overwrites another.
 *
 * Files are written synchronously: that is a copy into the page cache, cheaper than a hop to the thread pool for each piece of 64 KiB.
 */
export class DirectoryContentStore implements ContentStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    for (let index = 0; index < 256; index++) {
      mkdirSync(join(directory, BYTES_DIRECTORY, index.toString(16).padStart(2, '0')), { recursive: true });
    }
  }

  create(name: string): ContentWriter {
    const file = fileFor(name);
    const path = join(this.#directory, file);
    const descriptor = openSync(path, 'wx');
    let sizeBytes = 0;
    return {
      write: (bytes) => {
        for (let written = 0; written < bytes.length;) written += writeSync(descriptor, bytes, written);
        sizeBytes += bytes.length;
      },
      finish: () => {
        closeSync(descriptor);
        return this.restore(file, sizeBytes);
      },
      abort: () => {
        closeSync(descriptor);
        unlinkSync(path);
      },
    };
  }

  async concat(name: string, sources: readonly Content[]): Promise<Content> {
    const file = fileFor(name);
    const target = createWriteStream(join(this.#directory, file), { flags: 'wx' });
    // All are opened before the first is read: from here on the sources may be removed.
    const parts = sources.map((source) => source.open(0, source.sizeBytes));
    try {
      await pipeline(async function* () {
        for (const part of parts) {
          if (Buffer.isBuffer(part)) yield part;
          else yield* part;
        }
      }, target);
    } catch (error) {
      unlinkSync(join(this.#directory, file));
      throw error;
    }
    return this.restore(file, target.bytesWritten);
  }

  remove(content: Content): void {
    if (content.file !== undefined) unlinkSync(join(this.#directory, content.file));
  }

  /** The content of a file that this store wrote earlier, perhaps in another process. */
  restore(file: string, sizeBytes: number): Content {
    const path = join(this.#directory, file);
    return { file, sizeBytes, open: (start, end) => openFile(path, start, end) };
  }
}

function fileFor(name: string): string {
  const hash = createHash('sha256').update(name).digest('hex');
  return join(BYTES_DIRECTORY, hash.slice(0, 2), `${hash}-${randomBytes(8).toString('hex')}`);
}

function openFile(path: string, start: number, end: number): Buffer | Readable {
  if (end <= start) return Buffer.alloc(0);
  // Opened here, not when the stream is first read: the file may be unlinked before that.
  return createReadStream('', { fd: openSync(path, 'r'), start, end: end - 1, highWaterMark: 256 * 1024 });
}
