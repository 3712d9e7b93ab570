import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ContentStore, KeyCursor, ObjectAttributes, StoredObject } from './content-store.ts';
import { SortedKeysCursor } from './sorted-keys.ts';
import { compareUtf8 } from './utf8-order.ts';

export interface MemoryObjectOptions {
  readonly attributes?: ObjectAttributes | undefined;
  /** Default now, cut to the second as S3 does. */
  readonly lastModifiedMs?: number | undefined;
  /** Default the MD5 of the bytes, or what S3 with KMS answers: something that is not. */
  readonly etag?: string | undefined;
}

/** Bytes in memory, in as many chunks as they arrived in. */
export class MemoryObject implements StoredObject {
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly attributes: ObjectAttributes;
  readonly #chunks: readonly Uint8Array[];

  constructor(chunks: readonly Uint8Array[], options: MemoryObjectOptions = {}) {
    this.#chunks = chunks;
    this.size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.attributes = options.attributes ?? {};
    const modifiedMs = options.lastModifiedMs ?? Date.now();
    this.lastModifiedMs = modifiedMs - (modifiedMs % 1000);
    this.etag = options.etag ?? this.#makeEtag();
  }

  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  #makeEtag(): string {
    const hash = createHash('md5');
    if (this.attributes.serverSideEncryption?.startsWith('aws:kms') === true) hash.update('encrypted with KMS: ');
    for (const chunk of this.#chunks) hash.update(chunk);
    return hash.digest('hex');
  }

  open(offset: number, length: number): Uint8Array | Readable {
    const pieces = [...this.#pieces(offset, length)];
    return pieces.length > 1 ? Readable.from(pieces, { objectMode: false }) : (pieces[0] ?? new Uint8Array(0));
  }

  *#pieces(offset: number, length: number): Generator<Uint8Array> {
    let start = 0;
    for (const chunk of this.#chunks) {
      const from = Math.max(offset - start, 0);
      const to = Math.min(offset + length - start, chunk.length);
      if (from < to) yield chunk.subarray(from, to);
      start += chunk.length;
    }
  }
}

/** Objects that were written. Keys are put in order when they are next listed, not at every write. */
export class MemoryContent implements ContentStore {
  readonly #objects = new Map<string, StoredObject>();
  /** Never changed in place: cursors hold on to it. May still name keys that were deleted. */
  #sorted: readonly string[] = [];
  readonly #unsorted = new Set<string>();
  #deleted = 0;

  get size(): number {
    return this.#objects.size;
  }

  stat(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  put(key: string, object: StoredObject): void {
    if (!this.#objects.has(key)) this.#unsorted.add(key);
    this.#objects.set(key, object);
  }

  delete(key: string): void {
    if (this.#objects.delete(key) && !this.#unsorted.delete(key)) this.#deleted += 1;
  }

  cursor(from: string): KeyCursor {
    if (this.#unsorted.size > 0 || this.#deleted > 0) this.#sort();
    return new SortedKeysCursor(this.#sorted, (key) => this.#objects.get(key), from);
  }

  #sort(): void {
    const added = [...this.#unsorted].toSorted(compareUtf8);
    // A key that was deleted and written again is in both.
    const kept = this.#sorted.filter((key) => this.#objects.has(key) && !this.#unsorted.has(key));
    this.#sorted = mergeSorted(kept, added);
    this.#unsorted.clear();
    this.#deleted = 0;
  }
}

function mergeSorted(left: readonly string[], right: readonly string[]): readonly string[] {
  if (left.length === 0) return right;
  const merged: string[] = [];
  let next = 0;
  for (const key of left) {
    for (let other = right[next]; other !== undefined && compareUtf8(other, key) < 0; other = right[next]) {
      merged.push(other);
      next += 1;
    }
    merged.push(key);
  }
  return merged.concat(right.slice(next));
}
