import { dumpFormatError, excerpt } from './dump-format-error.ts';
import type { Line } from '@object-transfer/core/runtime/split-lines';

const OPENING = /\s*\[\s*(?<closing>\])?/y;
const ELEMENT = /(?<literal>"[^"\\]*(?:\\.[^"\\]*)*")\s*(?<separator>[,\]])\s*/sy;

/**
 * Reads a JSON array of strings, each with the line on which it stands: `JSON.parse` would not tell the lines.
 * @throws ConfigurationError `CONFIG_DUMP_FILE_FORMAT` naming the line of whatever else is there
 */
export function* parseJsonList(path: string, json: string): Generator<Line> {
  const opening = matchAt(OPENING, json, 0);
  let position = opening?.[0].length ?? 0;
  let number = 1 + lineFeeds(json, 0, position);
  let closed = opening?.groups?.['closing'] !== undefined;
  while (!closed) {
    const element = matchAt(ELEMENT, json, position);
    const text = parseString(element?.groups?.['literal']);
    if (element === null || text === undefined) {
      throw dumpFormatError(path, number, `expected a list of texts in JSON, found ${found(json, position)}`);
    }
    yield { number, text };
    const next = position + element[0].length;
    number += lineFeeds(json, position, next);
    position = next;
    closed = element.groups?.['separator'] === ']';
  }
  const behind = json.slice(position);
  if (behind.trim() !== '') throw dumpFormatError(path, number, `expected the end, found ${found(json, position)}`);
}

function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

function lineFeeds(text: string, start: number, end: number): number {
  return text.slice(start, end).split('\n').length - 1;
}

function found(json: string, position: number): string {
  const rest = json.slice(position, position + 80).split('\n', 1)[0];
  return rest === undefined || rest === '' ? 'the end of the file' : excerpt(rest);
}

/** @returns `undefined` for a wrong escape or a raw control character */
function parseString(literal: string | undefined): string | undefined {
  try {
    return literal === undefined ? undefined : (JSON.parse(literal) as string);
  } catch {
    return undefined;
  }
}
