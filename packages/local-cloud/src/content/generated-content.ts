import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { BytePattern } from './byte-pattern.ts';
import type { ContentSource, KeyCursor, ObjectAttributes, StoredObject } from './content-store.ts';
import { lowerBound } from './sorted-keys.ts';

export interface GeneratedContentOptions {
  /** How many objects. They cost no memory: a million is as good as ten. */
  readonly count: number;
  /** Object `i` has the size `sizesBytes[i % sizesBytes.length]`. */
  readonly sizesBytes: readonly number[];
  /** In front of every key; default none. */
  readonly keyPrefix?: string | undefined;
  /** Default 1,000; 0 puts all objects directly under the prefix. */
  readonly objectsPerFolder?: number | undefined;
  /** Same seed, same bytes. */
  readonly seed?: string | undefined;
  /**
   * How many different contents the objects take turns with, default 256: an MD5 is then computed once per content and
   * size and not once per object, which would make listings slow.
   */
  readonly distinctContents?: number | undefined;
  readonly attributes?: ObjectAttributes | undefined;
  readonly lastModifiedMs?: number | undefined;
}

/** Where the AWS tools begin to upload in parts, and the size of these. */
const MULTIPART_BYTES = 8 * 1024 * 1024;
/** Up to here an object is one slice of the pattern. */
const SLICE_BYTES = 256 * 1024;

/**
 * Objects made on the fly. Keys are `PREFIXfolder-00/object-000.bin`, so many digits that they sort as the objects are
 * numbered. Objects over 8 MiB carry a multipart ETag that is made up: computing one would mean making all bytes.
 */
export class GeneratedContent implements ContentSource {
  readonly count: number;
  readonly attributes: ObjectAttributes;
  readonly lastModifiedMs: number;
  readonly pattern: BytePattern;
  readonly #seed: string;
  readonly #sizes: readonly number[];
  readonly #distinct: number;
  readonly #prefix: string;
  readonly #perFolder: number;
  readonly #folderDigits: number;
  readonly #digits: number;
  readonly #etags: (string | undefined)[] = [];

  /** @throws RangeError when a number makes no sense */
  constructor(options: GeneratedContentOptions) {
    if (!Number.isSafeInteger(options.count) || options.count < 0) throw new RangeError('count must be 0 or more');
    if (
      options.sizesBytes.length === 0 ||
      !options.sizesBytes.every((size) => Number.isSafeInteger(size) && size >= 0)
    ) {
      throw new RangeError('sizesBytes must be a non-empty list of sizes');
    }
    this.count = options.count;
    this.attributes = options.attributes ?? { contentType: 'application/octet-stream' };
    this.lastModifiedMs = options.lastModifiedMs ?? Date.UTC(2024, 0, 1);
    this.#seed = options.seed ?? 'object-transfer';
    this.pattern = new BytePattern(this.#seed);
    this.#sizes = options.sizesBytes;
    this.#distinct = options.distinctContents ?? 256;
    this.#prefix = options.keyPrefix ?? '';
    this.#perFolder = options.objectsPerFolder ?? 1000;
    this.#digits = String(Math.max(this.count - 1, 0)).length;
    this.#folderDigits =
      this.#perFolder === 0 ? 0 : String(Math.floor(Math.max(this.count - 1, 0) / this.#perFolder)).length;
  }

  keyAt(index: number): string {
    const name = `object-${String(index).padStart(this.#digits, '0')}.bin`;
    if (this.#perFolder === 0) return this.#prefix + name;
    const folder = String(Math.floor(index / this.#perFolder)).padStart(this.#folderDigits, '0');
    return `${this.#prefix}folder-${folder}/${name}`;
  }

  sizeAt(index: number): number {
    return this.#sizes[index % this.#sizes.length] ?? 0;
  }

  /** Which sequence of the pattern the object shows. */
  sequenceAt(index: number): number {
    return index % this.#distinct;
  }

  etagAt(index: number): string {
    const sequence = this.sequenceAt(index);
    const slot = sequence * this.#sizes.length + (index % this.#sizes.length);
    const known = this.#etags[slot];
    if (known !== undefined) return known;
    const etag = this.#makeEtag(sequence, this.sizeAt(index));
    this.#etags[slot] = etag;
    return etag;
  }

  #makeEtag(sequence: number, size: number): string {
    const hash = createHash('md5');
    if (size > MULTIPART_BYTES) {
      hash.update(`${this.#seed}\n${sequence}\n${size}`);
      return `${hash.digest('hex')}-${Math.ceil(size / MULTIPART_BYTES)}`;
    }
    for (let offset = 0; offset < size;) {
      const chunk = this.pattern.slice(sequence, offset, size - offset);
      hash.update(chunk);
      offset += chunk.length;
    }
    return hash.digest('hex');
  }

  stat(key: string): StoredObject | undefined {
    const end = key.length - '.bin'.length;
    const index = Number(key.slice(Math.max(0, end - this.#digits), Math.max(0, end)));
    const exists = Number.isInteger(index) && index >= 0 && index < this.count && this.keyAt(index) === key;
    return exists ? new GeneratedObject(this, index) : undefined;
  }

  cursor(from: string): KeyCursor {
    return new GeneratedCursor(this, from);
  }
}

class GeneratedObject implements StoredObject {
  readonly #content: GeneratedContent;
  readonly #index: number;
  readonly size: number;

  constructor(content: GeneratedContent, index: number) {
    this.#content = content;
    this.#index = index;
    this.size = content.sizeAt(index);
  }

  get etag(): string {
    return this.#content.etagAt(this.#index);
  }

  get lastModifiedMs(): number {
    return this.#content.lastModifiedMs;
  }

  get attributes(): ObjectAttributes {
    return this.#content.attributes;
  }

  open(offset: number, length: number): Uint8Array | Readable {
    const { pattern } = this.#content;
    const sequence = this.#content.sequenceAt(this.#index);
    return length <= SLICE_BYTES ? pattern.slice(sequence, offset, length) : pattern.stream(sequence, offset, length);
  }
}

class GeneratedCursor implements KeyCursor {
  readonly #content: GeneratedContent;
  #index = 0;
  /** Keys are made, not stored: the one here is asked for several times. */
  #key: string | undefined;

  constructor(content: GeneratedContent, from: string) {
    this.#content = content;
    this.seek(from);
  }

  get key(): string | undefined {
    if (this.#key === undefined && this.#index < this.#content.count) this.#key = this.#content.keyAt(this.#index);
    return this.#key;
  }

  advance(): void {
    this.#index += 1;
    this.#key = undefined;
  }

  seek(from: string): void {
    this.#index = lowerBound((index) => this.#content.keyAt(index), this.#content.count, from, this.#index);
    this.#key = undefined;
  }

  stat(): StoredObject | undefined {
    return this.#index < this.#content.count ? new GeneratedObject(this.#content, this.#index) : undefined;
  }
}
