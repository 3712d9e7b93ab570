import type { Readable } from 'node:stream';

/** The bytes of one generation of one object. Never changed once written. */
export interface Content {
  readonly sizeBytes: number;
  /** Where the bytes lie in files: the path relative to the bucket's directory. */
  readonly file?: string;
  /**
   * Bytes `start` (inclusive) to `end` (exclusive). A stream stays readable when the object is removed meanwhile; whoever opens it
   * reads it to its end or destroys it.
   */
  open(start: number, end: number): Buffer | Readable;
}

/** Takes the bytes of one upload. Exactly one of `finish` and `abort` ends it. */
export interface ContentWriter {
  write(bytes: Buffer): void;
  finish(): Content;
  /** Forgets what was written. */
  abort(): void;
}

/** Where the bytes of one bucket are kept. */
export interface ContentStore {
  create(name: string): ContentWriter;
  /** A copy of the sources, one after the other. The sources may be removed as soon as this was called. */
  concat(name: string, sources: readonly Content[]): Promise<Content>;
  remove(content: Content): void;
}
