import { excerpt } from './dump-format-error.ts';
import { wrong, type LineReading } from './subfolder-line.ts';

/** `PRE` right-aligned to 30 columns and one space: whatever follows is the name, spaces and all. */
const PREFIX_MARK = `${'PRE'.padStart(30)} `;

/** Local time, size (also as `--human-readable` has it) and one space: whatever follows is the name. */
const OBJECT_LINE =
  /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} +(?:\d+|1 Byte|\d+ Bytes|\d+(?:\.\d+)? [KMGTPE]iB) (?<name>.*)$/s;

/** What `--summarize` adds. */
const SUMMARY_LINE = /^ *(?:Total Objects|Total Size): /;

/** True where only the output of `aws s3 ls` has such a line. */
export function isListingLine(line: string): boolean {
  return line.startsWith(PREFIX_MARK) || OBJECT_LINE.test(line);
}

/**
 * Reads one line of `aws s3 ls s3://BUCKET/PREFIX/`.
 * @see https://docs.aws.amazon.com/cli/latest/reference/s3/ls.html
 */
export function parseListingLine(line: string): LineReading {
  if (line.startsWith(PREFIX_MARK)) {
    const name = line.slice(PREFIX_MARK.length);
    if (/^[^/]*\/$/.test(name)) return { kind: 'subfolder', dirKey: name };
    return wrong(
      `${excerpt(name)} does not end in a slash: the listing is cut off, or the name holds a line break, which only a dump without a file can read`,
    );
  }
  const name = OBJECT_LINE.exec(line)?.groups?.['name'];
  if (name === undefined) {
    return SUMMARY_LINE.test(line)
      ? { kind: 'ignored' }
      : wrong(`${excerpt(line)} is not a line of the output of aws s3 ls`);
  }
  if (name.includes('/')) {
    return wrong(`${excerpt(name)} is below a subfolder: list without --recursive`);
  }
  return { kind: 'object', name };
}
