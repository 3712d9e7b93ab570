import { decodeUtf8 } from './header-values.ts';

const ENCODED_WORD = /=\?([^?\s]+)\?([bq])\?([^?\s]*)\?=/gi;

/**
 * Decodes the RFC 2047 encoded words that S3 puts into metadata values beyond ASCII. White space between two encoded
 * words is dropped; a character may be spread over neighbours. What cannot be decoded is left as it is.
 * @see https://www.rfc-editor.org/rfc/rfc2047
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 */
export function decodeEncodedWords(value: string): string {
  if (!value.includes('=?')) return value;
  let decoded = '';
  let end = 0;
  let run: EncodedRun | undefined;
  for (const match of value.matchAll(ENCODED_WORD)) {
    const between = value.slice(end, match.index);
    const charset = (match[1] ?? '').toLowerCase();
    const bytes = wordBytes(match[2] ?? '', match[3] ?? '');
    if (run !== undefined && run.charset === charset && between.trim() === '') {
      run.bytes.push(bytes);
      run.raw += between + match[0];
    } else {
      decoded += (run === undefined ? '' : runText(run)) + (run !== undefined && between.trim() === '' ? '' : between);
      run = { charset, bytes: [bytes], raw: match[0] };
    }
    end = match.index + match[0].length;
  }
  return decoded + (run === undefined ? '' : runText(run)) + value.slice(end);
}

/** Neighbouring encoded words of one character set. */
interface EncodedRun {
  readonly charset: string;
  readonly bytes: Buffer[];
  raw: string;
}

function runText(run: EncodedRun): string {
  const bytes = Buffer.concat(run.bytes);
  switch (run.charset) {
    case 'utf-8':
    case 'us-ascii':
      return decodeUtf8(bytes) ?? run.raw;
    case 'iso-8859-1':
      return bytes.toString('latin1');
    default:
      return run.raw;
  }
}

function wordBytes(encoding: string, text: string): Buffer {
  if (encoding.toLowerCase() === 'b') return Buffer.from(text, 'base64');
  const unquoted = text
    .replaceAll('_', ' ')
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(unquoted, 'latin1');
}
