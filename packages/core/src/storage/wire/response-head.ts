import type { ResponseHeaders } from '../header-values.ts';
import { WireError } from './wire-error.ts';

/** Status line and headers. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: ResponseHeaders;
  /** Whether another request may follow on the same connection, once the body has been read. */
  readonly keepAlive: boolean;
  readonly framing: Framing;
}

/** How the end of a body is told (RFC 9112, section 6.3). */
export type Framing =
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' | 'until-close' };

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: |$)/;
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/s;
// oxlint-disable-next-line no-control-regex
const FORBIDDEN_IN_VALUE = /[\x00\r\n]/;

/**
 * Reads a response head to a GET, PUT or POST.
 * @param text the bytes as Latin-1, without the empty line that ends the head
 * @throws WireError `WIRE_PROTOCOL` for what is no HTTP/1.1, or leaves the end of the body in doubt
 * @see https://www.rfc-editor.org/rfc/rfc9112
 */
export function parseResponseHead(text: string): ResponseHead {
  const [statusLine = '', ...fieldLines] = text.split('\r\n');
  const match = STATUS_LINE.exec(statusLine);
  if (match === null) throw new WireError('WIRE_PROTOCOL', 'the answer is no HTTP/1.1');
  const status = Number(match[2]);
  const headers = readFields(fieldLines);
  const connection = listOf(headers, 'connection');
  const keepAlive = match[1] === '1' ? !connection.includes('close') : connection.includes('keep-alive');
  return { status, headers, keepAlive, framing: framingOf(status, headers) };
}

function readFields(lines: readonly string[]): ResponseHeaders {
  // A name may be anything, also that of a property that every object has.
  const headers = Object.create(null) as Record<string, string | string[]>;
  for (const line of lines) {
    const [, name = '', value = ''] = FIELD_LINE.exec(line) ?? [];
    if (name === '' || FORBIDDEN_IN_VALUE.test(value)) {
      throw new WireError('WIRE_PROTOCOL', 'the answer has a header line that is none');
    }
    const key = name.toLowerCase();
    const earlier = headers[key];
    if (earlier === undefined) headers[key] = value;
    else if (Array.isArray(earlier)) earlier.push(value);
    else headers[key] = [earlier, value];
  }
  return headers;
}

function framingOf(status: number, headers: ResponseHeaders): Framing {
  const lengths = new Set(listOf(headers, 'content-length'));
  const encodings = listOf(headers, 'transfer-encoding');
  if (status === 204 || status === 304) return { kind: 'length', bytes: 0 };
  if (encodings.length > 0) {
    if (lengths.size > 0) throw new WireError('WIRE_PROTOCOL', 'the answer tells its length in two ways');
    if (encodings.length > 1) throw new WireError('WIRE_PROTOCOL', 'the answer is encoded for its transfer');
    return { kind: encodings[0] === 'chunked' ? 'chunked' : 'until-close' };
  }
  if (headers['content-length'] === undefined) return { kind: 'until-close' };
  const [length = ''] = lengths;
  const bytes = /^\d+$/.test(length) ? Number(length) : Number.NaN;
  if (lengths.size > 1 || !Number.isSafeInteger(bytes)) {
    throw new WireError('WIRE_PROTOCOL', 'the answer has a Content-Length that is none');
  }
  return { kind: 'length', bytes };
}

/** The elements of a comma-separated header, in lower case. */
function listOf(headers: ResponseHeaders, name: string): readonly string[] {
  const value = headers[name];
  if (value === undefined) return [];
  return value
    .toString()
    .split(',')
    .map((element) => element.trim().toLowerCase())
    .filter((element) => element !== '');
}
