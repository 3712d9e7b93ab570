import { createReadStream } from 'node:fs';
import { TextDecoder } from 'node:util';

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its line ending. */
  readonly text: string;
}

/** No S3 key has more than 1,024 bytes: a line this long is not of a list of keys. */
const MAX_LINE_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

/**
 * Reads the lines of a UTF-8 file of any size in bounded memory. Only LF and CRLF end a line: keys may hold a lone CR and the
 * Unicode line separators, at which `readline` would cut them in two. A byte order mark at the start is dropped.
 * @param problem makes the error for what is wrong with a line, by its number
 * @throws what `problem` makes, for bytes that are not UTF-8 and for endless lines
 */
export async function* splitLines(
  path: string,
  problem: (line: number, reason: string) => Error,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);

  function* linesOf(block: Buffer): Generator<Line> {
    const first = number + 1;
    for (const raw of decodeBlock(decoder, block, first, problem).split('\n')) {
      number += 1;
      const text = number === 1 && raw.startsWith('\uFEFF') ? raw.slice(1) : raw;
      yield { number, text: text.endsWith('\r') ? text.slice(0, -1) : text };
    }
  }

  for await (const chunk of createReadStream(path, { signal }) as AsyncIterable<Buffer>) {
    const end = chunk.lastIndexOf(LINE_FEED);
    if (end === -1) {
      rest = Buffer.concat([rest, chunk]);
    } else {
      yield* linesOf(Buffer.concat([rest, chunk.subarray(0, end)]));
      rest = chunk.subarray(end + 1);
    }
    if (rest.length > MAX_LINE_BYTES) {
      throw problem(number + 1, 'the line is longer than any key can be');
    }
  }
  if (rest.length > 0) yield* linesOf(rest);
}

function decodeBlock(
  decoder: TextDecoder,
  block: Buffer,
  firstLine: number,
  problem: (line: number, reason: string) => Error,
): string {
  try {
    return decoder.decode(block);
  } catch {
    throw problem(firstLine + lineOfBadByte(decoder, block), notUtf8(block));
  }
}

/** Which line of the block, from 0, is not UTF-8. */
function lineOfBadByte(decoder: TextDecoder, block: Buffer): number {
  let line = 0;
  for (let start = 0; start <= block.length; line++) {
    const lineFeed = block.indexOf(LINE_FEED, start);
    const end = lineFeed === -1 ? block.length : lineFeed;
    try {
      decoder.decode(block.subarray(start, end));
    } catch {
      return line;
    }
    start = end + 1;
  }
  return line;
}

/** PowerShell's `>` writes UTF-16. */
export function notUtf8(start: Buffer): string {
  const utf16 = (start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff);
  return utf16 ? 'the file is UTF-16: store it as UTF-8' : 'the line is not UTF-8';
}
