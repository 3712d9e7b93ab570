const ENCODED_WORD = /^=\?utf-8\?([bq])\?(.*)\?=$/is;
// eslint-disable-next-line no-control-regex -- what a header may hold is exactly this range
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/**
 * The text of a header value as Node hands it over: UTF-8 that was read byte by byte, or an RFC 2047 encoded word.
 * Bytes that are not UTF-8 are taken as Latin-1.
 */
export function decodeHeaderText(value: string): string {
  const word = ENCODED_WORD.exec(value);
  if (word !== null) return decodeWord(word[1] ?? '', word[2] ?? '');
  if (PRINTABLE_ASCII.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString('utf8');
  return text.includes('\ufffd') ? value : text;
}

/** Printable ASCII as it is, everything else as one RFC 2047 encoded word, as S3 answers it. */
export function encodeHeaderText(text: string): string {
  return PRINTABLE_ASCII.test(text) ? text : `=?UTF-8?B?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}

function decodeWord(encoding: string, text: string): string {
  if (encoding.toLowerCase() === 'b') return Buffer.from(text, 'base64').toString('utf8');
  const bytes = text
    .replaceAll('_', ' ')
    .replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
