import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import type { DirectoryContentStore } from './directory-content.ts';
import type { StoredObject } from './stored-object.ts';

/** One line of the journal: an object as it is now, or the name of one that is gone. */
type JournalLine = { readonly put: JournaledObject } | { readonly removed: string };
type JournaledObject = Omit<StoredObject, 'content'> & { readonly file: string; readonly sizeBytes: number };

/**
 * The metadata of a bucket in a file of JSON lines, one appended for every change: the last line about a name holds. A line is written
 * after the bytes it speaks of, so whatever moment the process is killed at, each object is whole or as it was before.
 */
export class ObjectJournal {
  /** `undefined` once closed: a request that ends after that must not write to whatever has the number by then. */
  #descriptor: number | undefined;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /**
   * Reads the journal, rewrites it without what has been overtaken, and opens it for appending.
   * @throws SyntaxError where a line other than an unfinished last one is not JSON
   */
  static open(path: string, contents: DirectoryContentStore): { journal: ObjectJournal; objects: StoredObject[] } {
    const journaled = new Map<string, JournaledObject>();
    for (const line of readLines(path)) {
      if ('put' in line) journaled.set(line.put.name, line.put);
      else journaled.delete(line.removed);
    }
    const rewritten = new ObjectJournal(openSync(`${path}.new`, 'w'));
    for (const put of journaled.values()) rewritten.#append({ put });
    renameSync(`${path}.new`, path);
    const objects: StoredObject[] = [];
    for (const { file, sizeBytes, ...object } of journaled.values()) {
      objects.push({ ...object, content: contents.restore(file, sizeBytes) });
    }
    return { journal: rewritten, objects };
  }

  put(object: StoredObject): void {
    const { content, ...rest } = object;
    if (content.file === undefined) throw new TypeError(`the bytes of ${object.name} are not in a file`);
    this.#append({ put: { ...rest, file: content.file, sizeBytes: content.sizeBytes } });
  }

  remove(name: string): void {
    this.#append({ removed: name });
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #append(line: JournalLine): void {
    if (this.#descriptor === undefined) throw new Error('the bucket is closed');
    writeSync(this.#descriptor, `${JSON.stringify(line)}\n`);
  }
}

/** Line by line from the bytes: the journal of a large bucket is longer than a string may be. */
function* readLines(path: string): Generator<JournalLine> {
  if (!existsSync(path)) return;
  const bytes = readFileSync(path);
  let start = 0;
  // What follows the last line feed is a line that a killed process did not finish.
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
    yield JSON.parse(bytes.toString('utf8', start, end)) as JournalLine;
    start = end + 1;
  }
}
