import { ConfigurationError } from '@object-transfer/core/domain/errors';

/** A dump file that cannot be understood, with the line where that shows. */
export function dumpFormatError(path: string, line: number | undefined, problem: string): ConfigurationError {
  const place = line === undefined ? path : `${path} line ${line}`;
  return new ConfigurationError('CONFIG_DUMP_FILE_FORMAT', `dump file ${place}: ${problem}`, {
    op: 'readDumpFile',
    source: path,
  });
}

/** Text for a message: quoted, and cut where it is long. */
export function excerpt(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
