import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContentStore } from './content-store.ts';
import { BYTES_DIRECTORY, DirectoryContentStore } from './directory-content.ts';
import { ObjectJournal } from './object-journal.ts';
import { SortedNames } from './sorted-names.ts';
import type { StoredObject } from './stored-object.ts';

/** What a bucket says about itself; clients may add fields of their own by `buckets.patch`. */
export type BucketSettings = Readonly<Record<string, unknown>> & {
  readonly storageClass: string;
  readonly timeCreated: string;
  readonly metageneration: number;
};

/** Its presence makes a directory a bucket. */
export const SETTINGS_FILE = 'bucket.json';
const JOURNAL_FILE = 'journal.jsonl';

/** The live objects of one bucket with an index of their names. Knows nothing of preconditions and requests. */
export class Bucket {
  readonly name: string;
  readonly contents: ContentStore;
  readonly #objects = new Map<string, StoredObject>();
  readonly #names = new SortedNames();
  readonly #directory: string | undefined;
  readonly #journal: ObjectJournal | undefined;
  #settings: BucketSettings;

  private constructor(name: string, settings: BucketSettings, contents: ContentStore, kept?: KeptBucket) {
    this.name = name;
    this.contents = contents;
    this.#settings = settings;
    this.#directory = kept?.directory;
    this.#journal = kept?.journal;
    for (const object of kept?.objects ?? []) {
      this.#objects.set(object.name, object);
      this.#names.add(object.name);
    }
  }

  /** A bucket that is gone when the process ends. */
  static inMemory(name: string, settings: BucketSettings, contents: ContentStore): Bucket {
    return new Bucket(name, settings, contents);
  }

  /** A bucket kept in `directory`: a new one with `settings`, or the one that an earlier process left there. */
  static inDirectory(name: string, settings: BucketSettings, directory: string): Bucket {
    mkdirSync(directory, { recursive: true });
    const contents = new DirectoryContentStore(directory);
    const { journal, objects } = ObjectJournal.open(join(directory, JOURNAL_FILE), contents);
    removeOrphans(directory, objects);
    const settingsFile = join(directory, SETTINGS_FILE);
    const known = existsSync(settingsFile);
    const bucket = new Bucket(
      name,
      known ? (JSON.parse(readFileSync(settingsFile, 'utf8')) as BucketSettings) : settings,
      contents,
      { directory, journal, objects },
    );
    if (!known) bucket.settings = settings;
    return bucket;
  }

  get settings(): BucketSettings {
    return this.#settings;
  }

  set settings(settings: BucketSettings) {
    this.#settings = settings;
    if (this.#directory !== undefined) writeFileSync(join(this.#directory, SETTINGS_FILE), JSON.stringify(settings));
  }

  get names(): SortedNames {
    return this.#names;
  }

  get(name: string): StoredObject | undefined {
    return this.#objects.get(name);
  }

  /** The highest generation in the bucket, 0 when it is empty. */
  lastGeneration(): number {
    let last = 0;
    for (const { generation } of this.#objects.values()) last = Math.max(last, generation);
    return last;
  }

  /** Makes `object` the live one under its name; the bytes of the one before are removed unless they are still used. */
  put(object: StoredObject): void {
    const before = this.#objects.get(object.name);
    this.#journal?.put(object);
    this.#objects.set(object.name, object);
    if (before === undefined) this.#names.add(object.name);
    else if (before.content !== object.content) this.contents.remove(before.content);
  }

  remove(object: StoredObject): void {
    this.#journal?.remove(object.name);
    this.#objects.delete(object.name);
    this.#names.delete(object.name);
    this.contents.remove(object.content);
  }

  close(): void {
    this.#journal?.close();
  }

  /** Closes the bucket and removes what it kept on disk. */
  destroy(): void {
    this.close();
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true });
  }
}

interface KeptBucket {
  readonly directory: string;
  readonly journal: ObjectJournal;
  readonly objects: readonly StoredObject[];
}

/** Removes the bytes of uploads that a killed process did not finish. */
function removeOrphans(directory: string, objects: readonly StoredObject[]): void {
  const referenced = new Set(objects.map(({ content }) => content.file));
  const bytesDirectory = join(directory, BYTES_DIRECTORY);
  for (const subdirectory of readdirSync(bytesDirectory)) {
    for (const file of readdirSync(join(bytesDirectory, subdirectory))) {
      const path = join(BYTES_DIRECTORY, subdirectory, file);
      if (!referenced.has(path)) unlinkSync(join(directory, path));
    }
  }
}
