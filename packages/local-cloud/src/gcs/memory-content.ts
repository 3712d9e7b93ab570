import { Readable } from 'node:stream';
import type { Content, ContentStore, ContentWriter } from './content-store.ts';
import { GcsError } from './gcs-error.ts';

/** Keeps bytes as the buffers they arrived in. */
export class MemoryContentStore implements ContentStore {
  create(): ContentWriter {
    const pieces: Buffer[] = [];
    return {
      write: (bytes) => void pieces.push(bytes),
      finish: () => new MemoryContent(pieces),
      abort: () => void pieces.splice(0),
    };
  }

  async concat(_name: string, sources: readonly Content[]): Promise<Content> {
    return new MemoryContent(sources.flatMap((source) => (source instanceof MemoryContent ? source.pieces : [])));
  }

  remove(): void {
    // The garbage collector does it.
  }
}

class MemoryContent implements Content {
  readonly pieces: readonly Buffer[];
  readonly sizeBytes: number;

  constructor(pieces: readonly Buffer[]) {
    this.pieces = pieces;
    this.sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  open(start: number, end: number): Buffer | Readable {
    const [only] = this.pieces;
    if (only === undefined) return Buffer.alloc(0);
    if (this.pieces.length === 1) return only.subarray(start, end);
    return Readable.from(this.#slices(start, end), { objectMode: false });
  }

  *#slices(start: number, end: number): Generator<Buffer> {
    let offset = 0;
    for (const piece of this.pieces) {
      if (offset >= end) return;
      const slice = piece.subarray(Math.max(0, start - offset), end - offset);
      if (offset + piece.length > start && slice.length > 0) yield slice;
      offset += piece.length;
    }
  }
}

/** Counts bytes and keeps none: for benchmarks, where metadata and checksums are all that matters. */
export class DiscardingContentStore implements ContentStore {
  create(): ContentWriter {
    let sizeBytes = 0;
    return {
      write: (bytes) => void (sizeBytes += bytes.length),
      finish: () => new DiscardedContent(sizeBytes),
      abort: () => undefined,
    };
  }

  async concat(_name: string, sources: readonly Content[]): Promise<Content> {
    return new DiscardedContent(sources.reduce((sum, source) => sum + source.sizeBytes, 0));
  }

  remove(): void {
    // Nothing was kept.
  }
}

class DiscardedContent implements Content {
  readonly sizeBytes: number;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  open(): never {
    throw new GcsError(501, 'notImplemented', 'This server was started with discardContent: it kept no bytes.');
  }
}
