import { DirectoryContent, type DirectoryContentOptions } from '../content/directory-content.ts';
import { GeneratedContent, type GeneratedContentOptions } from '../content/generated-content.ts';
import { LayeredContent } from '../content/layered-content.ts';
import { MemoryObject, type MemoryObjectOptions } from '../content/memory-content.ts';

export interface BucketOptions {
  /** Read-only; what is uploaded stays in memory, on top. Earlier ones win where keys are the same. */
  readonly directories?: readonly DirectoryContentOptions[] | undefined;
  /** Below the directories. */
  readonly generated?: readonly GeneratedContentOptions[] | undefined;
  /** Default `true`. With `false` listings are denied and missing keys answer 403, as without `s3:ListBucket`. */
  readonly listBucketAllowed?: boolean | undefined;
}

/** One bucket, and what a test may do with it without a request. */
export class Bucket {
  readonly name: string;
  /** May be changed while the server runs. */
  listBucketAllowed: boolean;
  readonly content: LayeredContent;
  readonly #directories: readonly DirectoryContent[];

  private constructor(name: string, options: BucketOptions, directories: readonly DirectoryContent[]) {
    this.name = name;
    this.listBucketAllowed = options.listBucketAllowed ?? true;
    this.#directories = directories;
    const generated = (options.generated ?? []).map((one) => new GeneratedContent(one));
    this.content = new LayeredContent([...directories, ...generated]);
  }

  /** @throws the file system's error when a directory cannot be read */
  static async open(name: string, options: BucketOptions): Promise<Bucket> {
    return new Bucket(
      name,
      options,
      await Promise.all((options.directories ?? []).map((one) => DirectoryContent.open(one))),
    );
  }

  static empty(name: string): Bucket {
    return new Bucket(name, {}, []);
  }

  put(key: string, body: Uint8Array | string, options?: MemoryObjectOptions): MemoryObject {
    const object = new MemoryObject([typeof body === 'string' ? Buffer.from(body) : body], options);
    this.content.put(key, object);
    return object;
  }

  delete(key: string): void {
    this.content.delete(key);
  }

  /** Looks for files that came or went. */
  async rescan(): Promise<void> {
    await Promise.all(this.#directories.map((directory) => directory.rescan()));
  }
}
