import { type DifferenceKind, differenceKindOf } from '@object-transfer/core/domain/difference-codes';
import { encodeManifestLine } from '@object-transfer/core/domain/manifest';
import { printable, printableLine } from '@object-transfer/core/domain/printable';
import type { OpenObjectError } from '@object-transfer/core/ports/state-store';
import { csvRow } from './csv-row.ts';

/** How an object that is not proven equal is told. */
export interface DifferenceFormat {
  /** What comes before the first. */
  readonly header: string;
  /** Its line or lines, with the line end; `undefined` where this format leaves it out. */
  encode(error: OpenObjectError): string | undefined;
}

/** What a comparison found, or `failed`: it could not be transferred. */
type ExportedKind = DifferenceKind | 'failed';

/** The fields of a difference, in the order of a CSV row. */
interface ExportedDifference {
  readonly dir: string;
  readonly key: string;
  readonly kind: ExportedKind;
  readonly code: string;
  readonly message: string;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

const FIELD_NAMES = [
  'dir',
  'key',
  'kind',
  'code',
  'message',
  'firstSeen',
  'lastSeen',
] as const satisfies readonly (keyof ExportedDifference)[];

export const DIFFERENCE_FORMATS = {
  /** For people. */
  text: {
    header: '',
    encode: (error) => {
      const { kind, key, code, message } = exported(error);
      return `${kind.padEnd(9)}  ${printable(JSON.stringify(key))}  ${code}: ${printableLine(message)}\n`;
    },
  },
  /** One JSON object a line. */
  jsonl: { header: '', encode: (error) => `${JSON.stringify(exported(error))}\n` },
  /** RFC 4180, with the names of the fields in the first row. */
  csv: {
    header: csvRow(FIELD_NAMES),
    encode: (error) => {
      const difference = exported(error);
      return csvRow(FIELD_NAMES.map((name) => difference[name]));
    },
  },
  /** What is to be transferred, for `publisher objects --manifest`. */
  manifest: {
    header: '',
    encode: (error) => {
      const { dir, key, kind } = exported(error);
      return kind === 'extra' ? undefined : `${encodeManifestLine({ dir, key })}\n`;
    },
  },
} as const satisfies Readonly<Record<string, DifferenceFormat>>;

export type DifferenceFormatName = keyof typeof DIFFERENCE_FORMATS;

function exported(error: OpenObjectError): ExportedDifference {
  const { dirKey: dir, key, code, message, firstSeen, lastSeen } = error;
  return {
    dir,
    key,
    kind: differenceKindOf(code) ?? 'failed',
    code,
    message,
    firstSeen: firstSeen.toISOString(),
    lastSeen: lastSeen.toISOString(),
  };
}
