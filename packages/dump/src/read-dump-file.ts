import { open, readFile } from 'node:fs/promises';
import { ConfigurationError } from '@object-transfer/core/domain/errors';
import { notUtf8, splitLines, type Line } from '@object-transfer/core/runtime/split-lines';
import { dumpFormatError } from './dump-format-error.ts';
import { parseJsonList } from './parse-json-list.ts';
import { parseListEntry, type ListRoot } from './parse-list-entry.ts';
import { isListingLine, parseListingLine } from './parse-listing-line.ts';
import type { LineReading } from './subfolder-line.ts';

/** Enough to see by its first line what a file is. */
const HEAD_BYTES = 64 * 1024;

/**
 * Reads the subfolders that a dump file names, told by its first line that is not blank:
 *
 * - a line of `aws s3 ls s3://BUCKET/PREFIX/`: that command's output, names with spaces included;
 * - `[` without a slash at the end of the line: a JSON array of strings;
 * - anything else: one subfolder per line, as a name relative to the root or as `s3://BUCKET/PREFIX/NAME/`.
 *
 * Blank lines are passed by, CRLF and a byte order mark are tolerated, duplicates collapse. Lists are read in a stream; a JSON
 * array is read whole. The subfolders are held in memory, about 150 bytes each: one million takes 150 MB.
 *
 * @returns names relative to the root, each with a slash at its end (`''` is the root itself), in the order of the file
 * @throws ConfigurationError `CONFIG_DUMP_FILE_FORMAT` naming file and line, `CONFIG_UNREADABLE` where there is no such file
 */
export async function readDumpFile(path: string, root: ListRoot, signal: AbortSignal): Promise<readonly string[]> {
  const firstLine = await readFirstLine(path);
  if (firstLine === undefined) {
    throw dumpFormatError(path, undefined, 'it is empty: the listing that made it may have failed');
  }
  const isListing = isListingLine(firstLine);
  const collected = new CollectedSubfolders(path, root, isListing);
  if (/^\s*\[/.test(firstLine) && !firstLine.endsWith('/')) {
    const json = decodeWhole(path, await readFile(path, { signal }));
    for (const line of parseJsonList(path, json)) collected.add(line, parseListEntry(line.text, root));
  } else {
    const problem = (line: number, reason: string) => dumpFormatError(path, line, reason);
    for await (const line of splitLines(path, problem, signal)) {
      if (line.text.trim() === '') continue;
      collected.add(line, isListing ? parseListingLine(line.text) : parseListEntry(line.text, root));
    }
  }
  return collected.finish();
}

/** The first line that is not blank, at most {@link HEAD_BYTES} of it. @returns `undefined` where all is blank */
async function readFirstLine(path: string): Promise<string | undefined> {
  const head = Buffer.alloc(HEAD_BYTES);
  try {
    await using file = await open(path, 'r');
    const { bytesRead } = await file.read(head, 0, HEAD_BYTES, 0);
    const text = head.toString('utf8', 0, bytesRead).replace(/^\uFEFF/, '');
    const line = text.split('\n').find((candidate) => candidate.trim() !== '');
    return line?.replace(/\r$/, '');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ConfigurationError('CONFIG_UNREADABLE', `cannot read the dump file ${path}: ${reason}`, {
      source: path,
      cause,
    });
  }
}

function decodeWhole(path: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw dumpFormatError(path, undefined, notUtf8(bytes));
  }
}

/** Gathers what the lines say and holds it against itself at the end. */
class CollectedSubfolders {
  readonly #path: string;
  readonly #root: ListRoot;
  readonly #lines = new Map<string, number>();
  /** The last segment of the root, as long as every name of a listing begins with it. */
  #suspect: string | undefined;

  constructor(path: string, root: ListRoot, isListing: boolean) {
    this.#path = path;
    this.#root = root;
    if (isListing) this.#suspect = root.s3RootPrefix.slice(0, -1).split('/').at(-1);
  }

  add(line: Line, reading: LineReading): void {
    switch (reading.kind) {
      case 'subfolder':
        if (!this.#lines.has(reading.dirKey)) this.#lines.set(reading.dirKey, line.number);
        this.#noteName(reading.dirKey);
        break;
      case 'object':
        this.#noteName(reading.name);
        break;
      case 'ignored':
        break;
      case 'wrong':
        throw dumpFormatError(this.#path, line.number, reading.problem);
    }
  }

  finish(): readonly string[] {
    this.#refuseListingOfParent();
    this.#refuseOverlaps();
    return [...this.#lines.keys()];
  }

  #noteName(name: string): void {
    if (this.#suspect !== undefined && !name.startsWith(this.#suspect)) this.#suspect = undefined;
  }

  /**
   * `aws s3 ls s3://BUCKET/photos` without the last slash lists the parent: `PRE photos/`. Taken at its word, such a dump
   * would look for `photos/photos/`, find nothing there and call the transfer done.
   */
  #refuseListingOfParent(): void {
    const { s3Bucket, s3RootPrefix } = this.#root;
    if (this.#suspect === undefined || this.#suspect === '') return;
    const line = this.#lines.get(`${this.#suspect}/`);
    if (line === undefined) return;
    throw dumpFormatError(
      this.#path,
      line,
      `this looks like a listing of the root itself, not of what is in it: list s3://${s3Bucket ?? 'BUCKET'}/${s3RootPrefix} with the slash at its end`,
    );
  }

  /** Objects of a subfolder within another one of the list would be transferred and counted twice. */
  #refuseOverlaps(): void {
    for (const [dirKey, line] of this.#lines) {
      for (
        let slash = dirKey.indexOf('/');
        slash < dirKey.length - 1 && slash !== -1;
        slash = dirKey.indexOf('/', slash + 1)
      ) {
        const outer = dirKey.slice(0, slash + 1);
        const outerLine = this.#lines.get(outer);
        if (outerLine !== undefined) {
          throw dumpFormatError(
            this.#path,
            line,
            `${JSON.stringify(dirKey)} lies within ${JSON.stringify(outer)} of line ${outerLine}: name only one of them`,
          );
        }
      }
    }
  }
}
